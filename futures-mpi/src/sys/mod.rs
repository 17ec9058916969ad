//! The only place with `unsafe`, here and in the folder of this name: thin safe wrappers over the MPI calls that the
//! `mpi` crate lacks, and over calls of the system. No policy lives here.
//!
//! Every call goes through [`serialized`], which takes a lock when MPI provides less than `MPI_THREAD_MULTIPLE`. Every
//! return code is checked: communicators that are made here, or passed to [`Communicator::return_errors`], have the
//! error handler that returns errors.
#![allow(unsafe_code)]

mod groups;
mod messages;
mod ports;
mod process;
mod raw;

pub(crate) use groups::{adopt, before_finalize};
pub(crate) use messages::{PersistentReceive, ReceiveBuffer, Receiving, SendBuffer, Sending, Sent};
pub(crate) use ports::{close_port, look_up, open_port, publish, unpublish};

use mpi::ffi::{self, MPI_Comm, MPI_Info};
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fmt, ptr};

/// The longest key of an info object, without its final zero byte.
pub(crate) const INFO_KEY_BYTES: usize = ffi::MPI_MAX_INFO_KEY as usize - 1;

/// The longest value of an info object, without its final zero byte.
pub(crate) const INFO_VALUE_BYTES: usize = ffi::MPI_MAX_INFO_VAL as usize - 1;

pub(crate) use process::{
    Own, at_exit, coarse_time, command_bytes, end_after, end_input, exit_now, flush_c_output, free_bytes, host_name,
    interface_addresses, keeping_input, limit_silence, wait_readable,
};

/// The error of an MPI call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MpiError {
    /// The return code.
    pub(crate) code: i32,
    /// The standard's class of that code.
    pub(crate) class: i32,
    /// MPI's own text for it.
    pub(crate) text: String,
}

impl MpiError {
    /// The error of a return code, with MPI's text.
    fn new(code: c_int) -> Self {
        let mut class = code;
        let mut text = [0_u8; ffi::MPI_MAX_ERROR_STRING as usize + 1];
        let mut length = 0;
        // SAFETY: both functions accept any code; the text fits, because the buffer has the promised size.
        let known = serialized(|| unsafe {
            ffi::MPI_Error_class(code, &mut class);
            ffi::MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &mut length)
        });
        let text = match usize::try_from(length) {
            Ok(length) if known == 0 => String::from_utf8_lossy(&text[..length.min(text.len())]).trim().to_owned(),
            _ => format!("MPI error code {code}, for which MPI has no text"),
        };
        MpiError { code, class, text }
    }

    /// An error that this library found, for which MPI has no code.
    fn of_argument(text: impl Into<String>) -> Self {
        let code = ffi::MPI_ERR_ARG as i32;
        MpiError { code, class: code, text: text.into() }
    }
}

impl fmt::Display for MpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.text, self.code)
    }
}

impl std::error::Error for MpiError {}

/// Success, or the error of a return code.
fn check(code: c_int) -> Result<(), MpiError> {
    if code == ffi::MPI_SUCCESS as c_int { Ok(()) } else { Err(MpiError::new(code)) }
}

/// How MPI may be called from threads, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ThreadLevel {
    /// There is one thread only.
    Single,
    /// Only the thread that initialised MPI calls it.
    Funneled,
    /// Any thread calls it, one at a time.
    Serialized,
    /// Any thread calls it at any time.
    Multiple,
}

impl fmt::Display for ThreadLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ThreadLevel::Single => "MPI_THREAD_SINGLE",
            ThreadLevel::Funneled => "MPI_THREAD_FUNNELED",
            ThreadLevel::Serialized => "MPI_THREAD_SERIALIZED",
            ThreadLevel::Multiple => "MPI_THREAD_MULTIPLE",
        })
    }
}

impl From<ThreadLevel> for mpi::Threading {
    fn from(level: ThreadLevel) -> Self {
        match level {
            ThreadLevel::Single => mpi::Threading::Single,
            ThreadLevel::Funneled => mpi::Threading::Funneled,
            ThreadLevel::Serialized => mpi::Threading::Serialized,
            ThreadLevel::Multiple => mpi::Threading::Multiple,
        }
    }
}

impl From<mpi::Threading> for ThreadLevel {
    fn from(level: mpi::Threading) -> Self {
        match level {
            mpi::Threading::Single => ThreadLevel::Single,
            mpi::Threading::Funneled => ThreadLevel::Funneled,
            mpi::Threading::Serialized => ThreadLevel::Serialized,
            mpi::Threading::Multiple => ThreadLevel::Multiple,
        }
    }
}

/// Whether calls must be made one at a time; set by [`initialize`].
static ONE_AT_A_TIME: AtomicBool = AtomicBool::new(false);
static CALLS: Mutex<()> = Mutex::new(());

/// Makes an MPI call; below `MPI_THREAD_MULTIPLE` it first waits until no other thread is in one. Calls must not nest.
fn serialized<T>(call: impl FnOnce() -> T) -> T {
    let _turn: Option<MutexGuard<'_, ()>> =
        ONE_AT_A_TIME.load(Ordering::Relaxed).then(|| CALLS.lock().unwrap_or_else(PoisonError::into_inner));
    call()
}

/// MPI's own text about itself; allowed before it is initialised.
pub(crate) fn library_version() -> String {
    mpi::environment::library_version().unwrap_or_default().trim_end_matches('\0').trim().to_owned()
}

/// The directory of the MPI library that this process really uses, links resolved.
pub(crate) fn library_directory() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: the address is that of a function, and `info` is filled if the answer is not zero.
    let info = unsafe {
        if libc::dladdr(ffi::MPI_Get_library_version as *const c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        info.assume_init()
    };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: `dladdr` gave a string that lives as long as the library is loaded.
    let file = unsafe { CStr::from_ptr(info.dli_fname) };
    let file = Path::new(OsStr::from_bytes(file.to_bytes())).canonicalize().ok()?;
    file.parent().map(Path::to_owned)
}

/// Whether this process belongs to root.
pub(crate) fn is_root() -> bool {
    // SAFETY: the call has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Sets an environment variable, to be called at the start of `main`, before MPI is initialised.
pub(crate) fn set_variable(name: &str, value: impl AsRef<OsStr>) {
    // SAFETY: this is called before MPI is initialised and before this library has started a thread; the standard
    // library's own accesses are locked, and the documentation asks programs to call it first.
    unsafe { std::env::set_var(name, value) }
}

/// Sets an environment variable of a worker process, between two tasks.
pub(crate) fn set_variable_of_worker(name: &str, value: &str) {
    // SAFETY: the standard library's own accesses are locked, and no task runs now. MPI reads its variables while it
    // starts, which is over. What is left is a thread that a task has started and not ended, and that reads variables
    // past the standard library; the documentation of the option `env` warns of that.
    unsafe { std::env::set_var(name, value) }
}

/// Initialises MPI; `None` if the program had initialised it already, so that MPI belongs to the program.
///
/// The `Universe` is kept forever: its destructor would disconnect the parent and finalise, both without a limit.
/// Processes that MPI starts do not get the standard input of this one.
pub(crate) fn initialize(level: ThreadLevel) -> Option<ThreadLevel> {
    let initialized = keeping_input(|| mpi::initialize_with_threading(level.into()));
    let owned = initialized.is_some();
    if let Some((universe, _)) = initialized {
        mem::forget(universe);
    }
    let provided = thread_level();
    ONE_AT_A_TIME.store(provided < ThreadLevel::Multiple, Ordering::Relaxed);
    owned.then_some(provided)
}

/// The thread level that MPI provides; MPI must be initialised.
pub(crate) fn thread_level() -> ThreadLevel {
    mpi::environment::threading_support().into()
}

/// Whether MPI was initialised, by this library or by the program.
pub(crate) fn is_initialized() -> bool {
    mpi::environment::is_initialized()
}

/// Whether MPI was finalised, by this library or by the program.
pub(crate) fn is_finalized() -> bool {
    mpi::environment::is_finalized()
}

/// Finalises MPI; nothing here may be used afterwards.
pub(crate) fn finalize() -> Result<(), MpiError> {
    // SAFETY: MPI is initialised; finalising twice is answered with an error or refused by MPI itself.
    let code = serialized(|| unsafe { ffi::MPI_Finalize() });
    // MPI must not be asked for the text of an error any more.
    if code == 0 { Ok(()) } else { Err(MpiError { code, class: code, text: "MPI_Finalize failed".to_owned() }) }
}

/// Ends all processes of the world, and those that are connected to it, with the status `code`.
pub(crate) fn abort(code: i32) -> ! {
    // SAFETY: MPI may be aborted at any time while it is initialised. No lock: another thread may hold it forever.
    unsafe { ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, code) };
    std::process::abort()
}

/// The name of this host as MPI knows it.
pub(crate) fn processor_name() -> String {
    serialized(|| mpi::environment::processor_name().unwrap_or_default())
}

/// How many processes MPI's launcher has room for. Do not call it in an MPICH singleton, where it starts a process
/// manager, or hangs.
pub(crate) fn universe_size() -> Option<usize> {
    let mut value: *const c_int = ptr::null();
    let mut found = 0;
    // SAFETY: an attribute's value is a pointer, which is written to `value`.
    let code = serialized(|| unsafe {
        ffi::MPI_Comm_get_attr(
            ffi::RSMPI_COMM_WORLD,
            ffi::MPI_UNIVERSE_SIZE as c_int,
            (&raw mut value).cast::<c_void>(),
            &mut found,
        )
    });
    if code != 0 || found == 0 || value.is_null() {
        return None;
    }
    // SAFETY: MPI keeps the integer as long as the world communicator.
    usize::try_from(unsafe { *value }).ok()
}

/// The rank whose messages are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// Any rank.
    Any,
    /// This rank of the (remote) group.
    Rank(i32),
}

impl Source {
    /// The rank, or MPI's constant for any.
    fn rank(self) -> c_int {
        match self {
            // SAFETY: a constant of the library.
            Source::Any => unsafe { ffi::RSMPI_ANY_SOURCE },
            Source::Rank(rank) => rank,
        }
    }
}

/// A communicator or an intercommunicator: a handle, copied freely and never freed by a destructor.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Communicator(MPI_Comm);

// SAFETY: a handle is a name that MPI accepts from every thread; `serialized` keeps calls apart where MPI asks for it.
unsafe impl Send for Communicator {}
// SAFETY: as above; nothing is reachable through a shared reference but the name.
unsafe impl Sync for Communicator {}

impl fmt::Debug for Communicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Communicator")
    }
}

impl Communicator {
    /// All processes that were started together.
    pub(crate) fn world() -> Self {
        // SAFETY: a constant of the library.
        Communicator(unsafe { ffi::RSMPI_COMM_WORLD })
    }

    /// This process alone.
    pub(crate) fn this_process() -> Self {
        // SAFETY: a constant of the library.
        Communicator(unsafe { ffi::RSMPI_COMM_SELF })
    }

    /// The intercommunicator to the process that spawned this one, if one did.
    pub(crate) fn parent() -> Option<Self> {
        // SAFETY: the handle is valid to write to, and MPI fills it.
        let parent = serialized(|| unsafe {
            let mut parent = ffi::RSMPI_COMM_NULL;
            ffi::MPI_Comm_get_parent(&mut parent);
            Communicator(parent)
        });
        (!parent.is_null()).then_some(parent)
    }

    fn is_null(self) -> bool {
        // SAFETY: a constant of the library.
        self.0 == unsafe { ffi::RSMPI_COMM_NULL }
    }

    /// An integer property of this communicator.
    fn number(self, call: unsafe extern "C" fn(MPI_Comm, *mut c_int) -> c_int) -> Result<i32, MpiError> {
        let mut value = 0;
        // SAFETY: `call` is one of MPI's inquiries, which write one integer.
        check(serialized(|| unsafe { call(self.0, &mut value) }))?;
        Ok(value)
    }

    /// The rank of this process, in its own group.
    pub(crate) fn rank(self) -> Result<i32, MpiError> {
        self.number(ffi::MPI_Comm_rank)
    }

    /// The size of the group of this process.
    pub(crate) fn size(self) -> Result<i32, MpiError> {
        self.number(ffi::MPI_Comm_size)
    }

    /// The size of the other group of an intercommunicator.
    pub(crate) fn remote_size(self) -> Result<i32, MpiError> {
        self.number(ffi::MPI_Comm_remote_size)
    }

    /// Whether messages go to another group.
    pub(crate) fn is_intercommunicator(self) -> Result<bool, MpiError> {
        Ok(self.number(ffi::MPI_Comm_test_inter)? != 0)
    }

    /// Makes errors of this communicator return; only for communicators that this library made.
    pub(crate) fn return_errors(self) -> Result<(), MpiError> {
        // SAFETY: both handles are valid.
        check(serialized(|| unsafe { ffi::MPI_Comm_set_errhandler(self.0, ffi::RSMPI_ERRORS_RETURN) }))
    }

    /// A communicator with the same processes, whose messages stay apart from all others and whose errors return.
    /// Collective.
    pub(crate) fn duplicate(self) -> Result<Self, MpiError> {
        // SAFETY: the new handle is valid to write to.
        let (code, new) = serialized(|| unsafe {
            let mut new = ffi::RSMPI_COMM_NULL;
            (ffi::MPI_Comm_dup(self.0, &mut new), Communicator(new))
        });
        check(code)?;
        new.return_errors()?;
        Ok(new)
    }

    /// How many processes of this communicator are on the host of this one. Collective.
    pub(crate) fn size_on_this_host(self) -> Result<usize, MpiError> {
        // SAFETY: the new handle is valid to write to.
        let (code, here) = serialized(|| unsafe {
            let mut here = ffi::RSMPI_COMM_NULL;
            let kind = ffi::MPI_COMM_TYPE_SHARED as c_int;
            (ffi::MPI_Comm_split_type(self.0, kind, 0, ffi::RSMPI_INFO_NULL, &mut here), Communicator(here))
        });
        check(code)?;
        let size = here.size()?;
        here.free()?;
        Ok(usize::try_from(size).unwrap_or(1))
    }

    /// Spawns `count` processes by one call and returns the intercommunicator to them, whose errors return.
    ///
    /// Blocks until each of them has initialised MPI: forever, if one does not.
    pub(crate) fn spawn(
        self,
        program: &OsStr,
        arguments: &[String],
        count: i32,
        info: &[(String, String)],
    ) -> Result<Self, MpiError> {
        let program = c_string(program.as_bytes())?;
        let arguments = arguments.iter().map(|text| c_string(text.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<*mut c_char> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
        pointers.push(ptr::null_mut());
        let info = Info::new(info)?;
        let mut codes = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: all strings outlive the call, the list of arguments ends with null, and there is one place for the
        // code of each process. The new communicator is looked at only on success: Open MPI leaves it undefined.
        let call = || unsafe {
            let mut new = ffi::RSMPI_COMM_NULL;
            let code = ffi::MPI_Comm_spawn(
                program.as_ptr(),
                pointers.as_mut_ptr(),
                count,
                info.0,
                0,
                self.0,
                &mut new,
                codes.as_mut_ptr(),
            );
            (code, Communicator(new))
        };
        let (code, new) = serialized(|| keeping_input(call));
        if let Err(mut error) = check(code) {
            error.text = with_codes_of_processes(error.text, code, codes);
            return Err(error);
        }
        new.return_errors()?;
        Ok(new)
    }

    /// Whether a message with this tag has arrived; it is not received.
    pub(crate) fn has_message(self, source: Source, tag: i32) -> Result<bool, MpiError> {
        let mut found = 0;
        // SAFETY: the place is valid to write to, and no status is asked for.
        check(serialized(|| unsafe {
            ffi::MPI_Iprobe(source.rank(), tag, self.0, &mut found, ffi::RSMPI_STATUS_IGNORE)
        }))?;
        Ok(found != 0)
    }

    /// Disconnects from the other side. Blocks until all processes of both sides have called it.
    pub(crate) fn disconnect(self) -> Result<(), MpiError> {
        let mut handle = self.0;
        // SAFETY: the handle is valid; the copies of it that remain are names of nothing, which callers give up.
        check(serialized(|| unsafe { ffi::MPI_Comm_disconnect(&mut handle) }))
    }

    /// Frees the communicator.
    pub(crate) fn free(self) -> Result<(), MpiError> {
        let mut handle = self.0;
        // SAFETY: as for `disconnect`.
        check(serialized(|| unsafe { ffi::MPI_Comm_free(&mut handle) }))
    }
}

fn c_string(bytes: &[u8]) -> Result<CString, MpiError> {
    CString::new(bytes).map_err(|_| {
        MpiError::of_argument(format!(
            "{:?} contains a zero byte, which MPI cannot take",
            String::from_utf8_lossy(bytes)
        ))
    })
}

/// The text of a failed spawn, with the error codes of its processes if they add anything.
fn with_codes_of_processes(mut text: String, code: c_int, mut codes: Vec<c_int>) -> String {
    codes.sort_unstable();
    codes.dedup();
    for other in codes.into_iter().filter(|other| *other != 0 && *other != code) {
        // Open MPI gives negative codes here, for which there is no text.
        let other_text = if other > 0 { MpiError::new(other).text } else { format!("code {other}") };
        if !text.contains(&other_text) {
            text.push_str("; of a process: ");
            text.push_str(&other_text);
        }
    }
    text
}

/// An info object, freed when it is dropped.
struct Info(MPI_Info);

impl Info {
    fn new(pairs: &[(String, String)]) -> Result<Self, MpiError> {
        // SAFETY: a constant of the library.
        let mut info = Info(unsafe { ffi::RSMPI_INFO_NULL });
        if pairs.is_empty() {
            return Ok(info);
        }
        // SAFETY: the handle is valid to write to.
        check(serialized(|| unsafe { ffi::MPI_Info_create(&mut info.0) }))?;
        for (key, value) in pairs {
            let (key, value) = (c_string(key.as_bytes())?, c_string(value.as_bytes())?);
            // SAFETY: the handle is that of a live info object, and both strings outlive the call.
            check(serialized(|| unsafe { ffi::MPI_Info_set(info.0, key.as_ptr(), value.as_ptr()) }))?;
        }
        Ok(info)
    }
}

impl Drop for Info {
    fn drop(&mut self) {
        // SAFETY: the handle is null or that of a live info object, which nobody else has.
        serialized(|| unsafe {
            if self.0 != ffi::RSMPI_INFO_NULL {
                ffi::MPI_Info_free(&mut self.0);
            }
        });
    }
}
