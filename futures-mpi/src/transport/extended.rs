//! A transport over MPI with an extension, which has arrivals of its own and a part in the end.

use super::MpiTransport;
use futures_mpi_core::engine::{Arrival, Frame, Transport, WorkerNumber};
use std::time::Duration;

/// The methods of a [`Transport`] that an extension changes; the transport over MPI does the rest.
pub(crate) trait Extension: Send {
    /// The next arrival of the extension; asked when the transport has none.
    fn poll(&mut self, transport: &mut MpiTransport) -> Option<Arrival>;

    /// Whether the manager need not look for arrivals of the extension while it sleeps deeply.
    fn allows_deep_sleep(&self) -> bool;

    /// Begins to bring one more worker, as [`Transport::replace`] does.
    fn replace(&mut self, transport: &mut MpiTransport, limit: Duration) -> Result<(), String> {
        transport.replace(limit)
    }

    /// Ends the connection, as [`Transport::close`] does.
    fn close(self, transport: MpiTransport, limit: Duration) -> Result<(), String>;
}

/// A transport and its extension.
pub(crate) struct Extended<E> {
    transport: MpiTransport,
    extension: E,
}

impl MpiTransport {
    /// This transport with an extension.
    pub(crate) fn extended<E: Extension>(self, extension: E) -> Extended<E> {
        Extended { transport: self, extension }
    }
}

impl<E: Extension> Transport for Extended<E> {
    fn workers(&self) -> usize {
        self.transport.workers()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        self.transport.send(worker, frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.transport.poll().or_else(|| self.extension.poll(&mut self.transport))
    }

    fn wakes_from_deep_sleep(&self) -> bool {
        self.extension.allows_deep_sleep() && self.transport.wakes_from_deep_sleep()
    }

    fn is_moving(&self) -> bool {
        self.transport.is_moving()
    }

    fn replace(&mut self, limit: Duration) -> Result<(), String> {
        self.extension.replace(&mut self.transport, limit)
    }

    fn can_recall(&self, worker: WorkerNumber) -> bool {
        self.transport.can_recall(worker)
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        self.transport.recall(worker, from, until)
    }

    fn memory(&mut self) -> Vec<u8> {
        self.transport.memory()
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        self.transport.reuse(bytes);
    }

    fn close(self: Box<Self>, limit: Duration) -> Result<(), String> {
        self.extension.close(self.transport, limit)
    }
}
