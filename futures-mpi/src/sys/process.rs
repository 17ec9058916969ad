//! Thin safe wrappers over system calls about processes and sockets that the standard library lacks.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// Ends this process now, with this status: nothing is flushed, and no handler of its end is called.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: the call has no preconditions and does not return.
    unsafe { libc::_exit(status) }
}

/// Flushes all output streams of the C library.
pub(crate) fn flush_c_output() {
    // SAFETY: no stream stands for all of them.
    unsafe { libc::fflush(ptr::null_mut()) };
}

/// Has the system end this process by a signal after this time; `None` cancels that.
pub(crate) fn end_after(limit: Option<Duration>) {
    let seconds = limit.map_or(0, |limit| libc::c_uint::try_from(limit.as_secs().max(1)).unwrap_or(libc::c_uint::MAX));
    // SAFETY: the call has no preconditions.
    unsafe { libc::alarm(seconds) };
}

thread_local! {
    /// Whether the processes that this thread forks get an empty standard input.
    static KEEPS_INPUT: Cell<bool> = const { Cell::new(false) };
}

/// Makes a call that may fork, as MPI does to start its daemon. A process that this thread forks meanwhile gets an
/// empty standard input, so it takes nothing of this process's.
pub(crate) fn keeping_input<T>(call: impl FnOnce() -> T) -> T {
    watch_forks();
    KEEPS_INPUT.set(true);
    let result = call();
    KEEPS_INPUT.set(false);
    result
}

/// Has [`in_child`] called in every process that is forked from this one.
fn watch_forks() {
    static REGISTERED: Once = Once::new();
    // SAFETY: the handler is a function and therefore there for ever; it makes only calls that a forked child may make.
    // Without room for it, it is not called.
    REGISTERED.call_once(|| _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) });
}

extern "C" fn in_child() {
    if KEEPS_INPUT.get() {
        replace_by_nothing(libc::STDIN_FILENO);
    }
    let own = OWN.iter().map(|place| place.load(Ordering::Acquire)).filter(|descriptor| *descriptor != NONE);
    own.for_each(replace_by_nothing);
}

/// The descriptors that forked processes do not get; `NONE` where there is room.
static OWN: [AtomicI32; 16] = [const { AtomicI32::new(NONE) }; 16];
const NONE: RawFd = -1;

/// Keeps a descriptor from processes that are forked from this one, so that its other end sees the end of this process
/// and not theirs. To be dropped before the descriptor is closed.
pub(crate) struct Own(Option<usize>);

impl Own {
    pub(crate) fn keep(descriptor: BorrowedFd<'_>) -> Self {
        watch_forks();
        let number = descriptor.as_raw_fd();
        let take =
            |place: &AtomicI32| place.compare_exchange(NONE, number, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        // If all places are taken, forked processes inherit it as any other.
        Own(OWN.iter().position(take))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.into_iter().for_each(|place| OWN[place].store(NONE, Ordering::Release));
    }
}

/// Makes the standard input of this process empty; returns the former one, if it could be duplicated.
pub(crate) fn end_input() -> Option<File> {
    let before = io::stdin().as_fd().try_clone_to_owned().ok().map(File::from);
    replace_by_nothing(libc::STDIN_FILENO);
    before
}

/// Makes a descriptor refer to `/dev/null`, by calls that a forked child may make.
fn replace_by_nothing(descriptor: RawFd) {
    // SAFETY: the path ends with a zero, and the descriptor that is closed was opened here. What fails leaves the other
    // as it is.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if null >= 0 && null != descriptor {
            libc::dup2(null, descriptor);
            libc::close(null);
        }
    }
}

/// Has `handler` called when this process ends by `exit`, before the handlers of libraries that were started earlier.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler is a function and therefore there for ever. Without room for it, it is not called.
    unsafe { libc::atexit(handler) };
}

/// Waits until one of the descriptors can be read or has been closed at its other end, or until `limit` has passed;
/// returns for each whether it can or has.
pub(crate) fn wait_readable(descriptors: &[BorrowedFd<'_>], limit: Option<Duration>) -> io::Result<Vec<bool>> {
    let entry =
        |descriptor: &BorrowedFd<'_>| libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut entries: Vec<libc::pollfd> = descriptors.iter().map(entry).collect();
    let millis = limit.map_or(-1, |limit| libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX));
    // SAFETY: the entries are as many as is said, and are valid to read and to write.
    let count = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, millis) };
    if count >= 0 {
        return Ok(entries.iter().map(|entry| entry.revents != 0).collect());
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(vec![false; descriptors.len()]) } else { Err(error) }
}

/// The time since a fixed moment in the past, accurate to some milliseconds. It costs a fifth of an exact time.
pub(crate) fn coarse_time() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid to write to. A system without this clock leaves it as it is.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Has the system close a connection when the host at the other end has not answered for this time, whether or not data
/// is on its way to it. By default the system sends unacknowledged data again for a quarter of an hour, and sends no
/// probes meanwhile.
pub(crate) fn limit_silence(stream: &TcpStream, timeout: Duration) {
    let set = |level, name, value: libc::c_int| {
        let length = size_of_val(&value) as libc::socklen_t;
        // SAFETY: the value is valid to read, and as long as is said. A system without the option refuses it.
        unsafe { libc::setsockopt(stream.as_raw_fd(), level, name, (&raw const value).cast(), length) };
    };
    set(libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    #[cfg(target_os = "linux")]
    {
        let of = |part: Duration| libc::c_int::try_from(part.as_secs().max(1)).unwrap_or(libc::c_int::MAX);
        let millis = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
        // Half the time in silence, then three probes. With the last limit, their number does not matter.
        let probes =
            [(libc::TCP_KEEPIDLE, of(timeout / 2)), (libc::TCP_KEEPINTVL, of(timeout / 6)), (libc::TCP_KEEPCNT, 3)];
        for (name, value) in probes.into_iter().chain([(libc::TCP_USER_TIMEOUT, millis)]) {
            set(libc::IPPROTO_TCP, name, value);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = timeout;
}

/// The addresses of this host's network interfaces that are up, those of the loopback interface left out.
pub(crate) fn interface_addresses() -> Vec<IpAddr> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the place is valid to write to.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Vec::new();
    }
    let mut addresses = Vec::new();
    let mut next = first;
    // SAFETY: the list is null or valid until it is freed below, and each of its entries leads to the next.
    while let Some(interface) = unsafe { next.as_ref() } {
        let up = interface.ifa_flags & libc::IFF_UP as libc::c_uint != 0;
        let loopback = interface.ifa_flags & libc::IFF_LOOPBACK as libc::c_uint != 0;
        if up && !loopback {
            addresses.extend(ip_address(interface.ifa_addr));
        }
        next = interface.ifa_next;
    }
    // SAFETY: the list came from `getifaddrs` and is not used any more.
    unsafe { libc::freeifaddrs(first) };
    addresses
}

/// The IP address behind a pointer that `getifaddrs` returned, if it is one; link-local ones, which need a zone to be
/// reached, are left out.
fn ip_address(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: the pointer is null or valid.
    let family = i32::from(unsafe { address.as_ref()? }.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: addresses of this family have this type; they may be aligned less.
            let address = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            Some(IpAddr::from(address.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            let bytes = address.sin6_addr.s6_addr;
            (bytes[..2] != [0xfe, 0x80]).then(|| IpAddr::from(bytes))
        }
        _ => None,
    }
}

/// How many bytes the arguments and variables of a new program may take together, if the system says so.
pub(crate) fn command_bytes() -> Option<usize> {
    // SAFETY: the call has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_ARG_MAX) }).ok()
}

/// The bytes that are free in the file system of this directory, if it is there.
pub(crate) fn free_bytes(directory: &Path) -> Option<u64> {
    let directory = CString::new(directory.as_os_str().as_bytes()).ok()?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero, and the place is filled if the answer is zero.
    let found = unsafe {
        if libc::statvfs(directory.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    #[allow(clippy::unnecessary_cast, reason = "the fields have other types on other systems")]
    let bytes = (found.f_bavail as u64).saturating_mul(found.f_frsize as u64);
    Some(bytes)
}

/// The name of this host.
pub(crate) fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is as long as is said, less one byte, so that a zero always ends it.
    let code = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    if code != 0 {
        return String::new();
    }
    CStr::from_bytes_until_nul(&name).map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}
