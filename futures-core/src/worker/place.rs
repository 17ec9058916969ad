//! Where a worker runs.

/// Where a worker runs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The name of this machine, for error messages.
    pub host: &'a str,
    /// Sets an environment variable; none where the process is not the worker's own, and must not be changed for it.
    pub set_variable: Option<fn(&str, &str)>,
}
