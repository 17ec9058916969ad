//! How a process comes to MPI: which one it is, what it needs set, and which role it gives the process.

pub(crate) mod environment;
pub(crate) mod implementation;
pub(crate) mod input;
mod placement;
pub(crate) mod role;
pub(crate) mod start;
