//! MPI launches take turns, within one test process and across test processes, so that few cores are not swamped.

use std::env;
use std::fs::{File, OpenOptions};
use std::thread;
use std::time::Duration;

/// So many launches that mostly wait run at once.
const PLACES: usize = 3;

/// The right to run an MPI job; given back when dropped, and by the operating system when the process dies.
///
/// It consists of locked files. Where such files cannot be had there are none: the turn is a courtesy to the machine,
/// and no test depends on it.
#[derive(Debug)]
pub(super) struct Turn {
    _files: Vec<File>,
}

impl Turn {
    /// Waits until nobody else has a turn.
    pub(super) fn take() -> Turn {
        let lock = |place| lock_file(place).filter(|file| file.lock().is_ok());
        Turn { _files: (0..PLACES).filter_map(lock).collect() }
    }

    /// Waits until fewer others have a turn than may have one at once.
    pub(super) fn share() -> Turn {
        loop {
            let files: Vec<_> = (0..PLACES).filter_map(lock_file).collect();
            let cannot_be_had = files.is_empty();
            let free = files.into_iter().find(|file| file.try_lock().is_ok());
            if free.is_some() || cannot_be_had {
                return Turn { _files: free.into_iter().collect() };
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn lock_file(place: usize) -> Option<File> {
    let path = env::temp_dir().join(format!("futures-mpi-tests-{place}.lock"));
    OpenOptions::new().create(true).append(true).open(path).ok()
}
