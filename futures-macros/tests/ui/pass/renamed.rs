//! The library under another name, given by its path.

use futures_mpi_macros::remote_task;

mod facade {
    pub use futures_mpi_core as fm;
}

#[remote_task(crate = facade::fm)]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

mod inner {
    #[futures_mpi_macros::remote_task(crate = crate::facade::fm)]
    pub fn fails(text: &str, values: &[u8]) -> Result<usize, String> {
        Ok(text.len() + values.len())
    }
}

fn main() {
    assert_eq!(power(2, 10), 1024);
    assert_eq!(inner::fails::ID.name().rsplit("::").next(), Some("fails"));
}
