//! What a pool has to know of the options of its executors, and what holds if nobody says anything.

use crate::wire::codec::PAYLOAD_LIMIT_BYTES;
use std::time::Duration;

/// The default of how long workers may take to become ready: 60 s.
pub const DEFAULT_BOOT_LIMIT: Duration = Duration::from_secs(60);

/// The default of how long workers may take to disconnect: 10 s.
pub const DEFAULT_SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// The options that a pool has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// How long the workers may take until they are all ready.
    pub boot_limit: Duration,
    /// How long the workers may take to disconnect after they were told to stop.
    pub shutdown_limit: Duration,
    /// After how long without movement the pool is reported, if at all.
    pub watchdog: Option<Duration>,
    /// Whether lost workers are replaced.
    pub replace_lost_workers: bool,
    /// The largest encoded arguments or results of a task, buffers included, in bytes.
    pub payload_limit_bytes: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions {
            boot_limit: DEFAULT_BOOT_LIMIT,
            shutdown_limit: DEFAULT_SHUTDOWN_LIMIT,
            watchdog: None,
            replace_lost_workers: false,
            payload_limit_bytes: PAYLOAD_LIMIT_BYTES,
        }
    }
}
