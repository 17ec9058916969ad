//! Deep sleep: a process that has found nothing for long sleeps for long, and whoever then sends it something wakes it.
//!
//! ```text
//!  the end that waits                              the end that sends
//!  has slept for `after` without finding anything  has sent nothing for `silence`, which is shorter
//!  asks whether it is called, and by everybody
//!  sleeps for `length`                             sends its message, then calls
//!  wakes by the call, looks in earnest again
//! ```
//!
//! `rule` has the numbers that both ends keep; `ends` has what each end asks. Who calls, and over which connection, is
//! the transport's: over MPI it is `liveness/wake_up.rs` of the MPI crate. A transport that calls says so by
//! [`Transport::wakes_from_deep_sleep`](crate::engine::Transport::wakes_from_deep_sleep); no other part knows of it.
//! A call that gets lost costs `length`.

mod ends;
mod rule;

pub use ends::{DeepSleep, Silence};
