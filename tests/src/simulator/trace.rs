//! What happened in a run, entry by entry.

use super::network::Question;
use super::plan::Step;
use std::fmt;

/// Everything that happened, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// With the virtual time of each, in nanoseconds.
    entries: Vec<(u64, Entry)>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// The transport is there, or is known never to be.
    Attached,
    Step(Step),
    /// A call was made, by this client; its future has the number.
    Called(usize, u32),
    /// A future was asked to cancel itself, and has answered.
    Withdrawn(usize, bool),
    /// A worker was asked for tasks that it has not begun, and says how many it has, and
    /// with how many bytes of replies.
    Asked(Question, u64, usize),
    /// A worker has taken a frame, and will be free at this time.
    Took(u32, u64),
    /// A frame of so many bytes has arrived at the manager.
    Arrived(u32, usize),
    /// The manager notices that a worker is gone.
    Noticed(u32),
    /// A worker comes in the place of a lost one.
    Joined(u32),
    /// None comes in the place of a lost one.
    NotJoined,
    /// The future of this number is done.
    Resolved(usize),
    /// The manager has closed its transport.
    Closed,
}

impl Trace {
    pub(super) fn add(&mut self, time: u64, entry: Entry) {
        self.entries.push((time, entry));
    }

    /// How many tasks have come back from their workers.
    pub(super) fn returned(&self) -> u64 {
        let of_entry = |(_, entry): &(u64, Entry)| match entry {
            Entry::Asked(question, begun, _) if *begun >= question.from => question.until.saturating_sub(*begun),
            _ => 0,
        };
        self.entries.iter().map(of_entry).sum()
    }

    /// How many times replies have come along with an answer, because their worker could not send them.
    pub(super) fn taken_along(&self) -> u64 {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Asked(_, _, 1..))).count() as u64
    }

    /// When the call of this number was done.
    pub(super) fn resolved_at(&self, call: usize) -> Option<u64> {
        let resolved = self.entries.iter().find(|(_, entry)| *entry == Entry::Resolved(call));
        resolved.map(|(time, _)| *time)
    }

    /// When calls were done, whichever they are, in the order of time.
    pub(super) fn resolved(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Resolved(_))).map(|(time, _)| *time)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (time, entry) in &self.entries {
            write!(f, "{:>14.6} ms  ", *time as f64 / 1e6)?;
            match entry {
                Entry::Attached => writeln!(f, "the transport is there")?,
                Entry::Step(step) => writeln!(f, "{step:?}")?,
                Entry::Called(call, client) => writeln!(f, "client {client} makes call {call}")?,
                Entry::Withdrawn(call, true) => writeln!(f, "call {call} is cancelled")?,
                Entry::Withdrawn(call, false) => writeln!(f, "call {call} cannot be cancelled")?,
                Entry::Asked(Question { worker, from, until }, begun, bytes) => {
                    write!(f, "worker {worker} is asked for tasks {from}..{until}, has begun {begun}, ")?;
                    writeln!(f, "and has held back {bytes} bytes")?;
                }
                Entry::Took(worker, until) => {
                    writeln!(f, "worker {worker} takes a frame, busy until {:.6} ms", *until as f64 / 1e6)?;
                }
                Entry::Arrived(worker, bytes) => writeln!(f, "{bytes} bytes arrive from worker {worker}")?,
                Entry::Noticed(worker) => writeln!(f, "the manager notices that worker {worker} is gone")?,
                Entry::Joined(worker) => writeln!(f, "worker {worker} comes in the place of a lost one")?,
                Entry::NotJoined => writeln!(f, "no worker comes in the place of a lost one")?,
                Entry::Resolved(call) => writeln!(f, "call {call} is done")?,
                Entry::Closed => writeln!(f, "the manager has closed the transport")?,
            }
        }
        Ok(())
    }
}
