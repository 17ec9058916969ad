//! What the library says on standard error.

use std::io::{self, Write};

/// Says something in one piece, so that what other processes say does not come between.
///
/// That it cannot be said, because standard error is closed or its disk is full, is no reason to do anything else,
/// least of all to panic as `eprintln!` does.
pub fn say(text: &str) {
    let line = format!("futures-mpi: {text}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
