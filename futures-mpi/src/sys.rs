//! The only place with `unsafe`, here and in the folder of this name: thin safe wrappers over the MPI calls that the
//! `mpi` crate lacks, and over calls of the system. No policy lives here.
//!
//! Every call goes by [`serialized`], which takes a lock when MPI gives less than `MPI_THREAD_MULTIPLE`. Return codes
//! are judged, not ignored: communicators made here, or passed through [`Communicator::return_errors`], have the error
//! handler that returns.
#![allow(unsafe_code)]

mod groups;
mod ports;
mod process;
mod raw;

pub(crate) use groups::adopt;
pub(crate) use ports::{close_port, look_up, open_port, publish, unpublish};

use futures_mpi_core::engine::{Attachment, Memory};
use mpi::ffi::{self, MPI_Comm, MPI_Info, MPI_Message, MPI_Request, MPI_Status};
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::fmt;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use process::{at_exit, end_after, exit_now, host_name, interface_addresses, keep_alive, wait_readable};

/// What an MPI call reported instead of success.
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

    /// An error that this side found, which has no code of MPI.
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

/// Makes an MPI call, alone if MPI was not given `MPI_THREAD_MULTIPLE`. Calls must not nest.
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

/// Initialises MPI; `None` if that had happened already, and MPI therefore belongs to somebody else.
///
/// The `Universe` is kept for ever: its destructor would disconnect the parent and finalise, both without a limit.
pub(crate) fn initialize(level: ThreadLevel) -> Option<ThreadLevel> {
    let initialized = mpi::initialize_with_threading(level.into());
    let owned = initialized.is_some();
    if let Some((universe, _)) = initialized {
        mem::forget(universe);
    }
    let provided = thread_level();
    ONE_AT_A_TIME.store(provided < ThreadLevel::Multiple, Ordering::Relaxed);
    owned.then_some(provided)
}

/// The level that MPI gives; MPI must be initialised.
pub(crate) fn thread_level() -> ThreadLevel {
    mpi::environment::threading_support().into()
}

/// Whether MPI was initialised, by whomever.
pub(crate) fn is_initialized() -> bool {
    mpi::environment::is_initialized()
}

/// Whether MPI was finalised, by whomever.
pub(crate) fn is_finalized() -> bool {
    mpi::environment::is_finalized()
}

/// Finalises MPI; nothing here may be used afterwards.
pub(crate) fn finalize() -> Result<(), MpiError> {
    // SAFETY: MPI is initialised; finalising twice is answered with an error or refused by MPI itself.
    let code = serialized(|| unsafe { ffi::MPI_Finalize() });
    // The text of an error may not be asked for any more.
    if code == 0 { Ok(()) } else { Err(MpiError { code, class: code, text: "MPI_Finalize failed".to_owned() }) }
}

/// Ends all processes of the world, and what is connected to it, with `code`.
pub(crate) fn abort(code: i32) -> ! {
    // SAFETY: MPI may be aborted at any time while it is initialised. No lock: another thread may hold it for ever.
    unsafe { ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, code) };
    std::process::abort()
}

/// The name of this host as MPI knows it.
pub(crate) fn processor_name() -> String {
    serialized(|| mpi::environment::processor_name().unwrap_or_default())
}

/// How many processes MPI's launcher has room for. Never ask in an MPICH singleton, where the question starts a process
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

/// From which rank a message is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// From anyone.
    Any,
    /// From this rank of the (remote) group.
    Rank(i32),
}

/// A communicator or an intercommunicator: a name, copied freely and never closed by a destructor.
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

    /// An integer that MPI tells of this communicator.
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

    /// Makes errors of this communicator return; only for communicators that are ours.
    pub(crate) fn return_errors(self) -> Result<(), MpiError> {
        // SAFETY: both handles are valid.
        check(serialized(|| unsafe { ffi::MPI_Comm_set_errhandler(self.0, ffi::RSMPI_ERRORS_RETURN) }))
    }

    /// A communicator with the same processes, whose messages meet nobody else's and whose errors return. Collective.
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

    /// Whether all processes of this communicator are on one host. Collective.
    pub(crate) fn is_on_one_host(self) -> Result<bool, MpiError> {
        // SAFETY: the new handle is valid to write to.
        let (code, here) = serialized(|| unsafe {
            let mut here = ffi::RSMPI_COMM_NULL;
            let kind = ffi::MPI_COMM_TYPE_SHARED as c_int;
            (ffi::MPI_Comm_split_type(self.0, kind, 0, ffi::RSMPI_INFO_NULL, &mut here), Communicator(here))
        });
        check(code)?;
        let together = here.size()? == self.size()?;
        here.free()?;
        Ok(together)
    }

    /// Starts `count` processes in one go and returns the intercommunicator to them, whose errors return.
    ///
    /// Blocks until each of them has initialised MPI: for ever, if one does not.
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
        let (code, new) = serialized(|| unsafe {
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
        });
        if let Err(mut error) = check(code) {
            error.text = with_codes_of_processes(error.text, code, codes);
            return Err(error);
        }
        new.return_errors()?;
        Ok(new)
    }

    /// Ends the connection for good, together with the other side. Blocks until everyone has called it.
    pub(crate) fn disconnect(self) -> Result<(), MpiError> {
        let mut handle = self.0;
        // SAFETY: the handle is valid; the copies of it that remain are names of nothing, which callers give up.
        check(serialized(|| unsafe { ffi::MPI_Comm_disconnect(&mut handle) }))
    }

    /// Gives a communicator back.
    pub(crate) fn free(self) -> Result<(), MpiError> {
        let mut handle = self.0;
        // SAFETY: as for `disconnect`.
        check(serialized(|| unsafe { ffi::MPI_Comm_free(&mut handle) }))
    }

    /// Starts to send a load to `rank`, as messages of at most `part` bytes; an empty one is one message.
    pub(crate) fn send(self, load: Load, part: usize, rank: i32, tag: i32) -> Result<Sending, MpiError> {
        let mut sending =
            Sending { load: ManuallyDrop::new(load), request: Request::none(), others: Vec::new(), finished: false };
        let part = part.clamp(1, c_int::MAX as usize);
        let mut start = 0;
        loop {
            let all = sending.load.bytes();
            let bytes = &all[start..all.len().min(start + part)];
            let length = bytes.len() as c_int;
            let mut request = Request::none();
            // SAFETY: the bytes stay where they are until the request has completed: `Sending` owns them, or shares
            // them with others who cannot change what is shared, and forgets them if it is dropped before.
            let code = serialized(|| unsafe {
                ffi::MPI_Isend(
                    bytes.as_ptr().cast::<c_void>(),
                    length,
                    ffi::RSMPI_UINT8_T,
                    rank,
                    tag,
                    self.0,
                    &mut request.0,
                )
            });
            check(code)?;
            if start == 0 {
                sending.request = request;
            } else {
                sending.others.push(request);
            }
            start += part;
            if start >= sending.load.bytes().len() {
                return Ok(sending);
            }
        }
    }

    /// Takes the next message from `source`, of any tag, out of the queue, if one is there.
    pub(crate) fn probe(self, source: Source) -> Result<Option<Message>, MpiError> {
        let mut found = 0;
        let mut status = MaybeUninit::<MPI_Status>::uninit();
        let mut length = 0;
        // SAFETY: all places are valid to write to; the status is read only if a message was found, after which it is
        // filled.
        let (code, raw) = serialized(|| unsafe {
            let mut raw = ffi::RSMPI_MESSAGE_NULL;
            let source = match source {
                Source::Any => ffi::RSMPI_ANY_SOURCE,
                Source::Rank(rank) => rank,
            };
            let mut code =
                ffi::MPI_Improbe(source, ffi::RSMPI_ANY_TAG, self.0, &mut found, &mut raw, status.as_mut_ptr());
            if code == 0 && found != 0 {
                code = ffi::MPI_Get_count(status.as_ptr(), ffi::RSMPI_UINT8_T, &mut length);
            }
            (code, raw)
        });
        check(code)?;
        if found == 0 {
            return Ok(None);
        }
        // SAFETY: a message was found, so the status was filled.
        let status = unsafe { status.assume_init() };
        let length = usize::try_from(length)
            .map_err(|_| MpiError::of_argument("a message arrived whose length is not a number of bytes"))?;
        Ok(Some(Message { raw, source: status.MPI_SOURCE, tag: status.MPI_TAG, length }))
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

/// The text of a failed spawn, with the codes of its processes where they tell more.
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

/// An info object, freed at the end.
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

/// An operation under way; null when it has completed.
struct Request(MPI_Request);

// SAFETY: a handle is a name that MPI accepts from every thread, and this one is used by its owner only.
unsafe impl Send for Request {}

impl Request {
    fn none() -> Self {
        // SAFETY: a constant of the library.
        Request(unsafe { ffi::RSMPI_REQUEST_NULL })
    }

    /// Whether the operation has completed; then the handle is null.
    fn test(&mut self) -> Result<bool, MpiError> {
        let mut done = 0;
        // SAFETY: the handle is null or valid.
        check(serialized(|| unsafe { ffi::MPI_Test(&mut self.0, &mut done, ffi::RSMPI_STATUS_IGNORE) }))?;
        Ok(done != 0)
    }
}

/// What is sent: bytes of our own, or memory that others hold as well.
pub(crate) enum Load {
    Bytes(Vec<u8>),
    Attachment(Attachment),
}

impl Load {
    fn bytes(&self) -> &[u8] {
        match self {
            Load::Bytes(bytes) => bytes,
            Load::Attachment(attachment) => attachment.memory().bytes(),
        }
    }
}

/// A send under way, which holds its bytes. Dropped unfinished, it forgets them: MPI may still read there.
pub(crate) struct Sending {
    load: ManuallyDrop<Load>,
    request: Request,
    others: Vec<Request>,
    finished: bool,
}

impl Sending {
    /// Whether MPI has let go of the bytes. After an error the bytes are never given back.
    pub(crate) fn test(&mut self) -> Result<bool, MpiError> {
        if !self.finished {
            while let Some(request) = self.others.last_mut() {
                if !request.test()? {
                    return Ok(false);
                }
                self.others.pop();
            }
            self.finished = self.request.test()?;
        }
        Ok(self.finished)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.finished {
            // SAFETY: this is the destructor, and MPI has completed every request on these bytes.
            unsafe { ManuallyDrop::drop(&mut self.load) }
        }
    }
}

/// Memory into which messages are received, one behind the other.
///
/// Invariants: the memory has room for `total` bytes; the first `filled` of them have been received.
pub(crate) struct Landing {
    memory: Memory,
    total: usize,
    filled: usize,
}

impl Landing {
    /// For `total` bytes, for which `memory` must have room.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub(crate) fn new(memory: Memory, total: usize) -> Self {
        assert!(memory.room_bytes() >= total, "memory has no room for {total} bytes");
        Landing { memory, total, filled: 0 }
    }

    /// How many bytes are to come.
    pub(crate) fn missing(&self) -> usize {
        self.total - self.filled
    }

    /// Asks for huge pages behind the room of large memory: touching 64 MiB for the first time in small pages takes
    /// longer than copying them. A wish, which the system may ignore.
    pub(crate) fn advise_huge_pages(&mut self) {
        const PAGE: usize = 4096;
        let (total, room) = (self.total, self.start());
        let skipped = room.addr().next_multiple_of(PAGE) - room.addr();
        let end = (room.addr() + total) & !(PAGE - 1);
        if room.addr() + skipped < end {
            // SAFETY: the pages lie wholly within memory that is ours, and the advice changes none of their contents.
            unsafe {
                let pages = room.add(skipped);
                libc::madvise(pages.cast::<c_void>(), end - pages.addr(), libc::MADV_HUGEPAGE);
            }
        }
    }

    /// The memory with all that was received.
    ///
    /// # Panics
    ///
    /// If something is missing.
    pub(crate) fn finish(mut self) -> Memory {
        assert!(self.missing() == 0, "{} bytes have not been received", self.missing());
        let bytes = self.total;
        // SAFETY: MPI has written the first `total` bytes, for which there is room, and integers have no bytes that
        // are not values. A length that is no multiple of the alignment loses its last bytes.
        unsafe {
            match &mut self.memory {
                Memory::Align1(vector) => vector.set_len(bytes),
                Memory::Align2(vector) => vector.set_len(bytes / 2),
                Memory::Align4(vector) => vector.set_len(bytes / 4),
                Memory::Align8(vector) => vector.set_len(bytes / 8),
                Memory::Align16(vector) => vector.set_len(bytes / 16),
            }
        }
        self.memory
    }

    fn start(&mut self) -> *mut u8 {
        match &mut self.memory {
            Memory::Align1(vector) => vector.as_mut_ptr(),
            Memory::Align2(vector) => vector.as_mut_ptr().cast(),
            Memory::Align4(vector) => vector.as_mut_ptr().cast(),
            Memory::Align8(vector) => vector.as_mut_ptr().cast(),
            Memory::Align16(vector) => vector.as_mut_ptr().cast(),
        }
    }
}

/// A message that was taken out of MPI's queue and is not received yet.
pub(crate) struct Message {
    raw: MPI_Message,
    /// The rank of its sender.
    pub(crate) source: i32,
    /// Its tag.
    pub(crate) tag: i32,
    /// Its length in bytes.
    pub(crate) length: usize,
}

// SAFETY: as for `Request`.
unsafe impl Send for Message {}

impl Message {
    /// Starts to receive the bytes behind those that have landed before; there must be room for them.
    pub(crate) fn receive(mut self, mut landing: Landing) -> Result<Receiving, MpiError> {
        if landing.missing() < self.length {
            return Err(MpiError::of_argument("a message is longer than its buffer"));
        }
        let mut request = Request::none();
        // SAFETY: `length` bytes of memory are there, owned by `Receiving` until the request has completed, and
        // forgotten if it is dropped before. They need no initial value, because only MPI touches them.
        let code = serialized(|| unsafe {
            let room = landing.start().add(landing.filled);
            let length = self.length as c_int;
            ffi::MPI_Imrecv(room.cast::<c_void>(), length, ffi::RSMPI_UINT8_T, &mut self.raw, &mut request.0)
        });
        let receiving = Receiving { landing: ManuallyDrop::new(landing), length: self.length, request };
        check(code).map(|()| receiving)
    }
}

/// A receive under way, which owns its memory. Dropped unfinished, it forgets it: MPI may still write there.
pub(crate) struct Receiving {
    landing: ManuallyDrop<Landing>,
    length: usize,
    request: Request,
}

impl Receiving {
    /// The memory with the new bytes, once they are there.
    pub(crate) fn test(&mut self) -> Result<Option<Landing>, MpiError> {
        if !self.request.test()? {
            return Ok(None);
        }
        let empty = Landing { memory: Memory::Align1(Vec::new()), total: 0, filled: 0 };
        let mut landing = ManuallyDrop::into_inner(mem::replace(&mut self.landing, ManuallyDrop::new(empty)));
        landing.filled += mem::take(&mut self.length);
        Ok(Some(landing))
    }
}
