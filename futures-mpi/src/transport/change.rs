//! Workers that come later, and what the others are told when one is lost.

use super::{Channel, MpiTransport, Peer, Worker};
use crate::stream::{self, Control, Incoming};
use crate::sys::{Communicator, MpiError};
use futures_mpi_core::engine::WorkerNumber;

impl MpiTransport {
    /// Adds the only worker behind an intercommunicator; it gets the next number, and a life line if the others have one.
    pub(crate) fn add(&mut self, communicator: Communicator) -> Result<WorkerNumber, MpiError> {
        let number = WorkerNumber(self.workers.len() as u32);
        communicator.return_errors()?;
        let peer = Peer { communicator, rank: 0 };
        self.channels.push(Channel { communicator, workers: vec![Some(number)], one_by_one: false });
        self.workers.push(Worker { peer, incoming: Incoming::new(&self.recycler), lost: false, leaving: false });
        self.invite(number);
        Ok(number)
    }

    /// Tells the workers that are left that they cannot work together any more.
    pub(super) fn tell_of_loss(&mut self) {
        for (number, worker) in (0..).map(WorkerNumber).zip(&self.workers).filter(|(_, worker)| !worker.lost) {
            // If it cannot be told, it is lost itself, which shows soon.
            let told = stream::send_control(worker.peer.communicator, worker.peer.rank, Control::Maimed);
            self.sending.extend(told.map(|sending| (number, sending)));
        }
    }
}
