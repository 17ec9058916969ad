//! The main function's body, return type and attributes, run by a stand-in for the library.

use std::error::Error;
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static WRAPPED: AtomicU32 = AtomicU32::new(0);

mod stand_in {
    pub use futures_mpi_macros::main;

    pub mod __private {
        pub fn run_main<R: crate::Termination>(main: fn() -> R) -> crate::ExitCode {
            crate::WRAPPED.fetch_add(1, crate::Relaxed);
            main().report()
        }
    }
}

/// A function of another name.
#[stand_in::main(crate = stand_in)]
pub fn start() {
    assert_eq!(WRAPPED.load(Relaxed), 2);
}

#[stand_in::main(crate = crate::stand_in)]
#[deny(unused_must_use)]
#[allow(unused_variables)]
fn main() -> Result<(), Box<dyn Error>> {
    let unused = 0;
    assert_eq!(WRAPPED.load(Relaxed), 1);
    let _: ExitCode = start();
    "3".parse::<u8>()?;
    Ok(())
}
