//! futures-mpi.
#![deny(unsafe_code)]

#[allow(dead_code, reason = "not everything has a user yet")]
mod backoff;
#[allow(dead_code, reason = "not everything has a user yet")]
mod environment;
#[allow(dead_code, reason = "not everything has a user yet")]
mod link;
#[allow(dead_code, reason = "not everything has a user yet")]
mod spawn;
#[allow(dead_code, reason = "not everything has a user yet")]
mod start;
#[allow(dead_code, reason = "not everything has a user yet")]
mod stream;
#[allow(dead_code, reason = "not everything has a user yet")]
mod sys;
#[allow(dead_code, reason = "not everything has a user yet")]
mod transport;
