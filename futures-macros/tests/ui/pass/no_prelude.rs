//! Names of the prelude that are not there, or mean something else.

#![no_implicit_prelude]
#![forbid(unsafe_code)]

use ::futures_mpi_macros::remote_task;
use ::std::path::Path;

#[allow(dead_code)]
mod shadows {
    pub struct String;
    pub struct Vec;
    pub struct Some;
    pub struct Ok;
    pub struct Err;
    pub mod core {}
    pub mod std {}
    pub mod futures_mpi_core {}
    #[allow(non_upper_case_globals)]
    pub const input: u8 = 0;
    #[allow(non_upper_case_globals)]
    pub const value: u8 = 0;
}
#[allow(unused_imports)]
use shadows::*;

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

#[remote_task]
fn count(text: &str, values: &[u8], path: &Path) -> ::std::result::Result<usize, ::std::string::String> {
    ::std::result::Result::Ok(text.len() + values.len() + path.as_os_str().len())
}

fn main() {
    ::std::assert_eq!(power(2, 10), 1024);
    let power = power::ID;
    ::std::assert!(power.name().ends_with("power"));
    let _ = count::ID;
}
