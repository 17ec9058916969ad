//! The library's room of that name: its files as they are, with the checker's locks and a shorter deep sleep.

#[path = "../../../src/base/backoff.rs"]
pub(crate) mod backoff;
pub(crate) mod deep_sleep;
#[path = "../../../src/base/ids.rs"]
pub(crate) mod ids;
#[path = "../../../src/base/latch.rs"]
pub(crate) mod latch;
#[path = "../../../src/base/parker.rs"]
pub(crate) mod parker;
#[path = "../../../src/base/say.rs"]
pub(crate) mod say;
pub(crate) mod sync;
