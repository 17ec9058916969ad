//! Workers that come later, and what the others are told when one is lost.

use super::channel::{Channel, Reception};
use super::{MpiTransport, Peer, Worker};
use crate::sys::{Communicator, MpiError};
use crate::transport::stream::Control;
use futures_mpi_core::engine::WorkerNumber;

impl MpiTransport {
    /// Adds the only worker behind an intercommunicator; it gets the next number, and a liveness connection if the
    /// others have one.
    pub(crate) fn add(&mut self, communicator: Communicator) -> Result<WorkerNumber, MpiError> {
        let number = WorkerNumber(self.workers.len() as u32);
        communicator.return_errors()?;
        let peer = Peer { communicator, rank: 0 };
        self.channels.push(Channel { communicator, workers: vec![Some(number)], reception: Reception::Closed });
        self.workers.push(Worker::new(peer, &self.recycler));
        self.invite(number);
        Ok(number)
    }

    /// Tells the workers that are left that they cannot work together any more.
    pub(super) fn tell_of_loss(&mut self) {
        for number in (0..self.workers.len() as u32).map(WorkerNumber) {
            if !self.workers[number.index()].lost {
                // If it cannot be told, it is lost itself, which shows soon.
                let _ = self.outgoing(number).control(Control::Degraded);
                self.spoke_to(number);
            }
        }
    }
}
