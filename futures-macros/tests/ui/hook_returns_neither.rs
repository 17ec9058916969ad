//! Hooks of futures return results of this library's error type, or futures.

use futures_mpi_core::Future;

fn main() {
    let future = Future::from(Ok(3));
    let _ = future.then(|n| n + 1);
    let _ = future.then(|n| if n > 3 { Ok(n) } else { Err("too small") });
}
