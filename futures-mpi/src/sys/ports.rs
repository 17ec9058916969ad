//! Ports and published names, by which programs that were started apart find each other.

use super::{Communicator, MpiError, c_string, check, serialized};
use mpi::ffi::{self, MPI_Comm};
use std::ffi::{CStr, c_char, c_int};

/// Room for the name of a port.
const PORT_ROOM: usize = ffi::MPI_MAX_PORT_NAME as usize + 1;

/// Opens a port to which other programs can connect, and returns its name.
pub(crate) fn open_port() -> Result<String, MpiError> {
    let mut name = [0_u8; PORT_ROOM];
    // SAFETY: the name fits, because the buffer has the promised size.
    returning_errors(|| unsafe { ffi::MPI_Open_port(ffi::RSMPI_INFO_NULL, name.as_mut_ptr().cast::<c_char>()) })?;
    Ok(text(&name))
}

/// Closes a port.
pub(crate) fn close_port(name: &str) -> Result<(), MpiError> {
    let name = c_string(name.as_bytes())?;
    // SAFETY: the string outlives the call.
    returning_errors(|| unsafe { ffi::MPI_Close_port(name.as_ptr()) })
}

/// Publishes a text under a name.
pub(crate) fn publish(name: &str, value: &str) -> Result<(), MpiError> {
    let (name, value) = (c_string(name.as_bytes())?, c_string(value.as_bytes())?);
    // SAFETY: both strings outlive the call.
    returning_errors(|| unsafe { ffi::MPI_Publish_name(name.as_ptr(), ffi::RSMPI_INFO_NULL, value.as_ptr()) })
}

/// Withdraws a published name.
pub(crate) fn unpublish(name: &str, value: &str) -> Result<(), MpiError> {
    let (name, value) = (c_string(name.as_bytes())?, c_string(value.as_bytes())?);
    // SAFETY: both strings outlive the call.
    returning_errors(|| unsafe { ffi::MPI_Unpublish_name(name.as_ptr(), ffi::RSMPI_INFO_NULL, value.as_ptr()) })
}

/// Finds the text that is published under a name.
pub(crate) fn look_up(name: &str) -> Result<String, MpiError> {
    let name = c_string(name.as_bytes())?;
    let mut value = [0_u8; PORT_ROOM];
    // SAFETY: the string outlives the call, and the value fits, because the buffer has the promised size.
    returning_errors(|| unsafe {
        ffi::MPI_Lookup_name(name.as_ptr(), ffi::RSMPI_INFO_NULL, value.as_mut_ptr().cast::<c_char>())
    })?;
    Ok(text(&value))
}

impl Communicator {
    /// Waits, with all processes of this communicator, until a client connects to a port of the first one, and returns
    /// the intercommunicator to the client. Blocks forever if no client connects.
    pub(crate) fn accept(self, port: &str) -> Result<Self, MpiError> {
        let port = c_string(port.as_bytes())?;
        self.meet(|communicator, new| {
            // SAFETY: the string outlives the call, and the new handle is valid to write to.
            unsafe { ffi::MPI_Comm_accept(port.as_ptr(), ffi::RSMPI_INFO_NULL, 0, communicator, new) }
        })
    }

    /// Connects to a port, with all processes of this communicator. Blocks until the other side accepts.
    pub(crate) fn connect(self, port: &str) -> Result<Self, MpiError> {
        let port = c_string(port.as_bytes())?;
        self.meet(|communicator, new| {
            // SAFETY: the string outlives the call, and the new handle is valid to write to.
            unsafe { ffi::MPI_Comm_connect(port.as_ptr(), ffi::RSMPI_INFO_NULL, 0, communicator, new) }
        })
    }

    fn meet(self, call: impl FnOnce(MPI_Comm, *mut MPI_Comm) -> c_int) -> Result<Self, MpiError> {
        // SAFETY: a constant of the library.
        let mut new = Communicator(unsafe { ffi::RSMPI_COMM_NULL });
        check(serialized(|| call(self.0, &mut new.0)))?;
        new.return_errors()?;
        Ok(new)
    }
}

/// Makes a call whose errors go to a communicator of the program, with that communicator's error handler set aside.
fn returning_errors(call: impl FnOnce() -> c_int) -> Result<(), MpiError> {
    // SAFETY: the handles are valid; those that are got are put back and given up.
    let code = serialized(|| unsafe {
        // The version of the standard decides to which of the two.
        let communicators = [ffi::RSMPI_COMM_WORLD, ffi::RSMPI_COMM_SELF];
        let mut handlers = [ffi::RSMPI_ERRORS_RETURN; 2];
        for (communicator, handler) in communicators.iter().zip(&mut handlers) {
            ffi::MPI_Comm_get_errhandler(*communicator, handler);
            ffi::MPI_Comm_set_errhandler(*communicator, ffi::RSMPI_ERRORS_RETURN);
        }
        let code = call();
        for (communicator, handler) in communicators.iter().zip(&mut handlers) {
            ffi::MPI_Comm_set_errhandler(*communicator, *handler);
            ffi::MPI_Errhandler_free(handler);
        }
        code
    });
    check(code)
}

fn text(bytes: &[u8]) -> String {
    CStr::from_bytes_until_nul(bytes).map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned())
}
