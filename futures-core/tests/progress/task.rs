//! Calls code of the program: in the model that is the tests' own, whose panics are failures.

pub(crate) fn contain<T>(function: impl FnOnce() -> T) -> Option<T> {
    Some(function())
}
