//! What the compiler says to every misuse: one mistake, one error.
//!
//! The expected output stands beside each file as the stable compiler prints it; `TRYBUILD=overwrite` renews it.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
