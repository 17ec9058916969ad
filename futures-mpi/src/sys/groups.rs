//! Communicators that the `mpi` crate uses too, and the collective calls by which processes agree and divide.

use super::messages::Request;
use super::{Communicator, MpiError, ONE_AT_A_TIME, ThreadLevel, check, serialized, thread_level};
use mpi::ffi;
use mpi::topology::SimpleCommunicator;
use mpi::traits::FromRaw;
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::{panic, ptr};

/// Prepares for calls of an MPI that the program has initialised; returns its thread level.
pub(crate) fn adopt() -> ThreadLevel {
    let level = thread_level();
    ONE_AT_A_TIME.store(level < ThreadLevel::Multiple, Ordering::Relaxed);
    level
}

/// Has `callback` called at the beginning of `MPI_Finalize`, when MPI still works. To be called once.
pub(crate) fn before_finalize(callback: fn()) -> Result<(), MpiError> {
    static CALLBACK: OnceLock<fn()> = OnceLock::new();
    extern "C" fn do_not_copy(
        _: ffi::MPI_Comm,
        _: c_int,
        _: *mut c_void,
        _: *mut c_void,
        _: *mut c_void,
        copied: *mut c_int,
    ) -> c_int {
        // SAFETY: MPI gives a place to write to.
        unsafe { *copied = 0 };
        ffi::MPI_SUCCESS as c_int
    }
    extern "C" fn call(_: ffi::MPI_Comm, _: c_int, _: *mut c_void, _: *mut c_void) -> c_int {
        if let Some(callback) = CALLBACK.get() {
            // There is nothing to unwind to.
            let _ = panic::catch_unwind(callback);
        }
        ffi::MPI_SUCCESS as c_int
    }
    let _ = CALLBACK.set(callback);
    let mut key = 0;
    // SAFETY: both functions are there for ever, and the key is valid to write to.
    check(serialized(|| unsafe {
        ffi::MPI_Comm_create_keyval(Some(do_not_copy), Some(call), &mut key, ptr::null_mut())
    }))?;
    // SAFETY: the key was just made, and the attribute is looked at by nobody. MPI deletes the attributes of this
    // communicator first when it is finalised.
    check(serialized(|| unsafe { ffi::MPI_Comm_set_attr(ffi::RSMPI_COMM_SELF, key, ptr::null_mut()) }))
}

impl Communicator {
    /// The handle of a communicator of the program, which keeps it.
    pub(crate) fn of<C: mpi::topology::Communicator + ?Sized>(communicator: &C) -> Self {
        Communicator(communicator.as_raw())
    }

    /// The same communicator for the `mpi` crate, which never frees it. Not for the world or an intercommunicator.
    pub(crate) fn lend(self) -> ManuallyDrop<SimpleCommunicator> {
        // SAFETY: the handle is that of a live communicator made by this library. The one thing that the type does on
        // its own is to free it in its destructor, which never runs.
        ManuallyDrop::new(unsafe { SimpleCommunicator::from_raw(self.0) })
    }

    /// Makes errors of this communicator end the job, for users of the `mpi` crate, which checks no return code.
    pub(crate) fn errors_are_fatal(self) -> Result<(), MpiError> {
        // SAFETY: both handles are valid.
        check(serialized(|| unsafe { ffi::MPI_Comm_set_errhandler(self.0, ffi::RSMPI_ERRORS_ARE_FATAL) }))
    }

    /// Divides the processes: those that are `inside` get a communicator of their own, in the order of their ranks.
    /// Collective.
    pub(crate) fn split(self, inside: bool) -> Result<Option<Self>, MpiError> {
        // SAFETY: a constant of the library; the new handle is valid to write to.
        let (code, new) = serialized(|| unsafe {
            let color = if inside { 0 } else { ffi::RSMPI_UNDEFINED };
            let mut new = ffi::RSMPI_COMM_NULL;
            (ffi::MPI_Comm_split(self.0, color, 0, &mut new), Communicator(new))
        });
        check(code)?;
        Ok((!new.is_null()).then_some(new))
    }

    /// The value that rank 0 passes, in all processes. Collective; each process calls `pause` again and again while it
    /// waits for the others.
    pub(crate) fn hear_from_first(self, given: i64, mut pause: impl FnMut()) -> Result<i64, MpiError> {
        // Leaked after an error, when MPI may still write there.
        let mut value = ManuallyDrop::new(Box::new(given));
        let mut request = Request::none();
        // SAFETY: the integer stays where it is until the request has completed.
        check(serialized(|| unsafe {
            let place = (&raw mut **value).cast::<c_void>();
            ffi::MPI_Ibcast(place, 1, ffi::RSMPI_INT64_T, 0, self.0, &mut request.0)
        }))?;
        while !request.test()? {
            pause();
        }
        Ok(*ManuallyDrop::into_inner(value))
    }

    /// The largest value that any process passes, for each place of the array. Collective.
    pub(crate) fn largest<const N: usize>(self, values: [i64; N]) -> Result<[i64; N], MpiError> {
        let mut largest = [0; N];
        // SAFETY: both buffers hold N integers of that type and outlive the call; they do not overlap.
        check(serialized(|| unsafe {
            ffi::MPI_Allreduce(
                values.as_ptr().cast::<c_void>(),
                largest.as_mut_ptr().cast::<c_void>(),
                N as c_int,
                ffi::RSMPI_INT64_T,
                ffi::RSMPI_MAX,
                self.0,
            )
        }))?;
        Ok(largest)
    }
}
