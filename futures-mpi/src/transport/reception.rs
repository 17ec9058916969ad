//! How eager messages are received: from all workers of a communicator at once, and after an error from each apart.

use super::MpiTransport;
use super::channel::Reception;
use crate::sys::Source;
use crate::transport::stream;
use futures_mpi_core::engine::Arrival;

impl MpiTransport {
    /// Looks at one communicator, until something is whole or nothing more is there.
    pub(super) fn look(&mut self, index: usize) -> Option<Arrival> {
        loop {
            let channel = &mut self.channels[index];
            let looked = match &mut channel.reception {
                Reception::Common(persistent_receive) => persistent_receive.look(|| self.spare.take()),
                Reception::Apart(_) => return self.look_apart(index),
                closed => match stream::open_persistent_receive(channel.communicator, Source::Any) {
                    Ok(persistent_receive) => {
                        *closed = Reception::Common(persistent_receive);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            match looked {
                Ok(None) => return None,
                Ok(Some((rank, eager))) => {
                    let arrival = self.take_eager(index, rank, eager);
                    if arrival.is_some() {
                        return arrival;
                    }
                }
                // Only a look at each shows whose error it is.
                Err(_) => self.part_reception(index),
            }
        }
    }

    /// Takes in a eager message from this rank.
    fn take_eager(&mut self, index: usize, rank: i32, eager: Vec<u8>) -> Option<Arrival> {
        let number = self.channels[index].workers.get(rank as usize).copied().flatten()?;
        self.accept(number, |incoming| incoming.accept(eager))
    }

    /// Receives from each worker apart from now on.
    fn part_reception(&mut self, index: usize) {
        let channel = &mut self.channels[index];
        let before = std::mem::replace(&mut channel.reception, Reception::Closed);
        let left = match before {
            Reception::Common(persistent_receive) => persistent_receive.close().ok().flatten(),
            _ => None,
        };
        let (communicator, numbers) = (channel.communicator, channel.workers.clone());
        let mut apart = Vec::new();
        for (rank, number) in (0..).zip(numbers) {
            let Some(number) = number.filter(|number| !self.workers[number.index()].lost) else { continue };
            match stream::open_persistent_receive(communicator, Source::Rank(rank)) {
                Ok(persistent_receive) => apart.push((number, persistent_receive)),
                Err(error) => self.lose(number, format!("receiving from the worker failed: {error}")),
            }
        }
        self.channels[index].reception = Reception::Apart(apart);
        if let Some((rank, eager)) = left {
            let arrival = self.take_eager(index, rank, eager);
            self.ready.extend(arrival);
        }
    }

    /// Looks at one communicator on which something has gone wrong before.
    fn look_apart(&mut self, index: usize) -> Option<Arrival> {
        let mut at = 0;
        loop {
            let Reception::Apart(apart) = &mut self.channels[index].reception else { return None };
            let (number, persistent_receive) = apart.get_mut(at)?;
            let number = *number;
            if self.workers[number.index()].lost {
                apart.swap_remove(at);
                continue;
            }
            let arrival = match persistent_receive.look(|| self.spare.take()) {
                Ok(None) => None,
                Ok(Some((_, eager))) => self.accept(number, |incoming| incoming.accept(eager)),
                Err(error) => {
                    self.lose(number, format!("receiving from the worker failed: {error}"));
                    self.ready.pop_front()
                }
            };
            if arrival.is_some() {
                return arrival;
            }
            at += 1;
        }
    }

    /// Receives nothing more.
    pub(super) fn end_reception(&mut self) {
        for channel in &mut self.channels {
            let mailboxes = match std::mem::replace(&mut channel.reception, Reception::Closed) {
                Reception::Closed => Vec::new(),
                Reception::Common(persistent_receive) => vec![persistent_receive],
                Reception::Apart(apart) => {
                    apart.into_iter().map(|(_, persistent_receive)| persistent_receive).collect()
                }
            };
            // What MPI does not let go of is left to it.
            mailboxes.into_iter().for_each(|persistent_receive| drop(persistent_receive.close()));
        }
    }
}
