//! A crate that denies all it can, and has no prelude.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(missing_docs, unused, nonstandard_style, warnings, clippy::all, clippy::pedantic)]

extern crate futures_mpi_core as renamed;
extern crate std;

/// Public, so that documentation is demanded.
pub mod tasks {
    use ::futures_mpi_macros::remote_task;
    use ::std::collections::BTreeSet;
    use ::std::convert::Infallible;
    use ::std::option::Option::{self, Some};
    use ::std::result::Result::{self, Ok};
    use ::std::string::String;

    /// Raises.
    #[must_use]
    #[remote_task]
    pub const fn power(base: u64, exponent: u32) -> u64 {
        base.pow(exponent)
    }

    /// Counts.
    ///
    /// # Errors
    ///
    /// None.
    #[remote_task]
    pub fn count(text: &str, values: &[u8], _: u8, more: &BTreeSet<String>) -> Result<usize, String> {
        Ok(text.len() + values.len() + more.len())
    }

    /// Does nothing.
    #[remote_task(crate = crate::renamed)]
    pub fn nothing() {}

    /// Returns nothing.
    ///
    /// # Errors
    ///
    /// None.
    #[must_use]
    #[remote_task]
    pub fn never_fails(_value: Option<u8>) -> Result<(), Infallible> {
        Ok(())
    }

    /// Says nothing.
    #[deprecated = "to be tried"]
    #[remote_task]
    #[must_use]
    pub fn old(n: u8) -> Option<u8> {
        Some(n)
    }

    #[remote_task]
    fn never_named() {}
}

#[::std::prelude::v1::test]
fn tasks_are_called() {
    use renamed::__private::call;
    use tasks::power;

    let result = call(power::ID, (2, 10));
    ::std::assert!(::std::matches!(result, ::std::result::Result::Ok(1024)));
    ::std::assert!(call(tasks::nothing::ID, ()).is_ok());
    ::std::assert!(call(tasks::never_fails::ID, ::std::option::Option::Some(1)).is_ok());
    let power = 3;
    ::std::assert_eq!(power, 3);
}
