//! Plain sends and receives, against which this library's own messages are measured.

use super::{Communicator, MpiError, Source, check, serialized};
use mpi::ffi::{self, MPI_Status};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

/// A tag that no frame has.
const TAG: c_int = 77;

impl Communicator {
    /// Sends bytes by a plain blocking send.
    pub(crate) fn raw_send(self, bytes: &[u8], rank: i32) -> Result<(), MpiError> {
        let length = c_int::try_from(bytes.len()).map_err(|_| MpiError::of_argument("too long for one message"))?;
        // SAFETY: the bytes are there until the call returns.
        check(serialized(|| unsafe {
            ffi::MPI_Send(bytes.as_ptr().cast::<c_void>(), length, ffi::RSMPI_UINT8_T, rank, TAG, self.0)
        }))
    }

    /// Receives bytes by a plain blocking receive; returns the rank of the sender.
    pub(crate) fn raw_receive(self, bytes: &mut [u8], source: Source) -> Result<i32, MpiError> {
        let length = c_int::try_from(bytes.len()).map_err(|_| MpiError::of_argument("too long for one message"))?;
        let mut status = MaybeUninit::<MPI_Status>::uninit();
        // SAFETY: there is room for `length` bytes until the call returns; the status is valid to write to.
        let code = serialized(|| unsafe {
            let bytes = bytes.as_mut_ptr().cast::<c_void>();
            ffi::MPI_Recv(bytes, length, ffi::RSMPI_UINT8_T, source.rank(), TAG, self.0, status.as_mut_ptr())
        });
        check(code)?;
        // SAFETY: the receive has succeeded, so the status was filled.
        Ok(unsafe { status.assume_init() }.MPI_SOURCE)
    }
}
