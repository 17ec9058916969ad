//! The seam between the manager and its workers: opaque frames, and nothing about what is in them.

pub use crate::base::ids::WorkerNumber;
pub use crate::wire::claims::{Claimer, Claims};
use crate::wire::frame::Frame;
pub use crate::wire::held::Held;
use std::time::Duration;

/// An event that a transport reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A worker has sent a frame.
    Frame(WorkerNumber, Frame),
    /// A worker is lost, with the reason as far as it is known; nothing more arrives from it.
    Lost(WorkerNumber, String),
    /// The worker for which [`Transport::replace`] was called has joined, with the next number, or will not, for this
    /// reason.
    Joined(Result<WorkerNumber, String>),
    /// The answer to a [`Transport::recall`]: how many of the tasks that were sent to the worker are begun, counted
    /// from the first one, with those that were taken back before; and the replies that it held back, perhaps none. It
    /// may overtake frames that the worker has sent before.
    Recalled(WorkerNumber, u64, Frame),
}

/// The manager's end: moves frames to and from the workers numbered `0..workers()`, and those that join later.
///
/// Frames between the manager and one worker arrive whole, once, and in the order in which they were sent. Nothing is
/// promised about the order between different workers. No method may block for longer than it takes to hand bytes over.
pub trait Transport: Send {
    /// How many workers there are, lost ones counted.
    fn workers(&self) -> usize;

    /// Takes a frame for `worker`; delivery may still be under way on return. Frames for lost workers are dropped.
    fn send(&mut self, worker: WorkerNumber, frame: Frame);

    /// The next arrival, if there is one now.
    fn poll(&mut self) -> Option<Arrival>;

    /// Whether the manager is [notified](crate::engine::Notify) of what arrives from a worker that has sent nothing for
    /// a [silence](crate::engine::Silence), so that it need not look for it.
    fn wakes_from_deep_sleep(&self) -> bool {
        false
    }

    /// Whether something is under way that advances only in [`poll`](Self::poll), so that the manager should not sleep
    /// for long.
    fn is_moving(&self) -> bool {
        false
    }

    /// Begins to bring one more worker, in the place of one that is lost. Success is followed by one
    /// [`Arrival::Joined`], at the latest when the limit has passed; an error says why this transport cannot.
    fn replace(&mut self, limit: Duration) -> Result<(), String> {
        let _ = limit;
        Err("the workers of this pool cannot be replaced".to_owned())
    }

    /// Whether tasks can be taken back from a worker that has answered its greeting, also while it is in a task.
    fn can_recall(&self, worker: WorkerNumber) -> bool {
        let _ = worker;
        false
    }

    /// Begins to take back what a worker has not begun: its tasks from the number `from` on and before `until`, as
    /// [`Claims::recall`] does, and takes the replies that it holds back; the manager is notified of the
    /// [`Arrival::Recalled`] that follows, unless the worker is lost before. `false` if it cannot be done, now or
    /// later.
    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        let _ = (worker, from, until);
        false
    }

    /// Empty memory for the bytes of a frame, perhaps with room.
    fn memory(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes back the memory of a frame that has been dealt with, for another one.
    fn reuse(&mut self, bytes: Vec<u8>) {
        drop(bytes);
    }

    /// Ends the connection, after every worker has been told to stop; returns when the workers have disconnected, or
    /// with an error that names what is missing when the limit has passed.
    fn close(self: Box<Self>, limit: Duration) -> Result<(), String>;
}

/// The worker's end: two methods, blocking, two for transports that take tasks back, and two for those that use the
/// memory of frames again.
pub trait Link {
    /// The next frame from the manager; `None` when there will be none, because the manager is gone.
    fn receive(&mut self) -> Option<Frame>;

    /// Sends a frame to the manager.
    fn send(&mut self, frame: Frame);

    /// Claims the next task, in the order in which they came; `false` if it was taken back, and must not be begun.
    fn begin(&mut self) -> bool {
        true
    }

    /// Where replies are held back while the worker is in another task, in reach of a recall; none if this transport
    /// takes none back, and then no reply waits for a task.
    fn held(&self) -> Option<&Held> {
        None
    }

    /// Empty memory for the bytes of a frame, perhaps with room.
    fn memory(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes back the memory of a frame that has been dealt with, for another one.
    fn reuse(&mut self, bytes: Vec<u8>) {
        drop(bytes);
    }
}

/// Keeps the frames that are sent, and receives none: for a worker that is given its frames one by one.
impl Link for Vec<Frame> {
    fn receive(&mut self) -> Option<Frame> {
        None
    }

    fn send(&mut self, frame: Frame) {
        self.push(frame);
    }
}
