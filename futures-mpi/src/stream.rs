//! Frames over MPI messages: tags, the splitting of large frames and their reassembly, the same at both ends.
//!
//! A frame of up to one part is one message with the tag [`FRAME`]. A larger one is its length, with the tag
//! [`LENGTH`], then parts with the tag [`PART`], which are received straight into one buffer of that length. A byte
//! with the tag [`CONTROL`] is part of the farewell. MPI keeps the order of messages between two processes.

use crate::sys::{self, Communicator, Message, MpiError, Receiving, Sending};
use std::collections::VecDeque;

/// The largest part of a frame: well below what a C integer counts.
pub(crate) const PART_BYTES: usize = 1 << 30;

/// From this length on, the memory for a frame is taken in huge pages where the system has them.
const HUGE_BYTES: usize = 4 << 20;

/// From this length on, a frame moves in many steps, each of which may need both processes to look.
pub(crate) const LARGE_BYTES: usize = 1 << 20;

const FRAME: i32 = 1;
const LENGTH: i32 = 2;
const PART: i32 = 3;
const CONTROL: i32 = 4;

/// How many bytes announce the length of a frame.
const LENGTH_BYTES: usize = size_of::<u64>();

/// The bytes of the farewell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Worker to manager: nothing more comes, and I wait for your word.
    Ready,
    /// Manager to worker: disconnect with me now.
    Disconnect,
    /// Manager to worker: go without disconnecting.
    Leave,
}

/// Sends a frame to `rank`: what is under way is added to `sent`, in order.
pub(crate) fn send_frame(
    communicator: Communicator,
    rank: i32,
    frame: Vec<u8>,
    part: usize,
    sent: &mut impl Extend<Sending>,
) -> Result<(), MpiError> {
    if frame.len() <= part {
        sent.extend([communicator.send(frame, part, rank, FRAME)?]);
        return Ok(());
    }
    let length = (frame.len() as u64).to_le_bytes().to_vec();
    sent.extend([communicator.send(length, LENGTH_BYTES, rank, LENGTH)?]);
    sent.extend([communicator.send(frame, part, rank, PART)?]);
    Ok(())
}

/// Sends one byte of the farewell.
pub(crate) fn send_control(communicator: Communicator, rank: i32, control: Control) -> Result<Sending, MpiError> {
    communicator.send(vec![control as u8], 1, rank, CONTROL)
}

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole frame.
    Frame(Vec<u8>),
    /// A byte of the farewell.
    Control(Control),
}

/// What comes from one peer, in order.
///
/// Invariants: one message is received at a time; `waiting` is empty unless one is; `partial` is `None` while its
/// buffer is with `active`.
#[derive(Default)]
pub(crate) struct Incoming {
    active: Option<(Receiving, i32)>,
    waiting: VecDeque<Message>,
    /// The bytes of a frame in parts that are there so far, in a buffer for all of them.
    partial: Option<Vec<u8>>,
    /// The length of the frame in parts that is under way.
    total: usize,
}

impl Incoming {
    /// Whether a message is being received, so that [`advance`](Self::advance) may bring something.
    pub(crate) fn is_busy(&self) -> bool {
        self.active.is_some()
    }

    /// Takes the next message of the peer; gives what is whole by then.
    pub(crate) fn accept(&mut self, message: Message) -> Result<Option<Item>, String> {
        if self.is_busy() {
            self.waiting.push_back(message);
        } else {
            self.begin(message)?;
        }
        self.advance()
    }

    /// Gives the next thing that is whole by now.
    pub(crate) fn advance(&mut self) -> Result<Option<Item>, String> {
        while let Some((receiving, tag)) = &mut self.active {
            let Some(buffer) = receiving.test().map_err(|error| error.to_string())? else { return Ok(None) };
            let tag = *tag;
            self.active = None;
            let item = self.finish(tag, buffer)?;
            if let Some(next) = self.waiting.pop_front() {
                self.begin(next)?;
            }
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// Starts to receive a message.
    fn begin(&mut self, message: Message) -> Result<(), String> {
        let (tag, length) = (message.tag, message.length);
        let buffer = match tag {
            FRAME => reserve(length)?,
            LENGTH if length == LENGTH_BYTES && self.partial.is_none() => Vec::with_capacity(length),
            CONTROL if length == 1 => Vec::with_capacity(length),
            PART => match self.partial.take() {
                Some(buffer) if length > 0 && buffer.len() + length <= self.total => buffer,
                _ => return Err(format!("an unexpected part of a frame arrived, of {length} bytes")),
            },
            _ => return Err(format!("an unexpected message arrived, with the tag {tag} and {length} bytes")),
        };
        let receiving = message.receive(buffer).map_err(|error| error.to_string())?;
        self.active = Some((receiving, tag));
        Ok(())
    }

    /// Makes something of a received message.
    fn finish(&mut self, tag: i32, buffer: Vec<u8>) -> Result<Option<Item>, String> {
        match tag {
            FRAME => Ok(Some(Item::Frame(buffer))),
            PART if buffer.len() == self.total => Ok(Some(Item::Frame(buffer))),
            PART => {
                self.partial = Some(buffer);
                Ok(None)
            }
            LENGTH => {
                let bytes = <[u8; LENGTH_BYTES]>::try_from(buffer).unwrap_or_default();
                self.total = usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX);
                self.partial = Some(reserve(self.total)?);
                Ok(None)
            }
            _ => match [Control::Ready, Control::Disconnect, Control::Leave].get(usize::from(buffer[0])) {
                Some(control) => Ok(Some(Item::Control(*control))),
                None => Err(format!("an unexpected byte of farewell arrived: {}", buffer[0])),
            },
        }
    }
}

/// An empty buffer with room for exactly `length` bytes.
fn reserve(length: usize) -> Result<Vec<u8>, String> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| format!("there is no memory for a frame of {length} bytes"))?;
    if length >= HUGE_BYTES {
        sys::advise_huge_pages(&mut buffer);
    }
    Ok(buffer)
}
