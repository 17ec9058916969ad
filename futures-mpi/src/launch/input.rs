//! The standard input of workers, which is empty for their tasks, whatever their launcher gives them.
//!
//! Open MPI's `mpiexec -n 1` gives the first of the workers that it spawns a copy of its own input, by a pipe that it
//! does not close. A task that reads it would wait for ever; a pipe that is full stops the input of `main` too; and
//! where the pipe has no reader, `mpiexec` itself breaks down now and then.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::thread;

/// Reads what comes, if a launcher sends something, until nothing more does; nobody waits for it.
pub(crate) fn pass_over(mut input: File) {
    if input.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        let read = move || io::copy(&mut input, &mut io::sink());
        // Without a thread the pipe may fill.
        let _ = thread::Builder::new().name("futures-mpi-input".to_owned()).spawn(read);
    }
}
