//! Frames over MPI messages: tags, the splitting of large frames and their reassembly, the same at both ends.
//!
//! A frame of up to one part and without attachments is one message with the tag [`FRAME`]. Any other is a table of
//! contents, with the tag [`CONTENTS`]: the length and the alignment of each section, of which the first is the frame's
//! bytes and the others its attachments; then the sections' parts with the tag [`PART`], which are received straight
//! into the final memory of each section. An empty section has no parts. A byte with the tag [`CONTROL`] is part of the
//! farewell; a manager's first message may have the tag [`INVITATION`]. MPI keeps the order of messages between two processes.

use crate::sys::{Communicator, Landing, Load, Message, MpiError, Receiving, Sending};
use futures_mpi_core::engine::{Attachment, Frame, Memory, Recycler};
use std::collections::VecDeque;
use std::env;
use std::sync::Arc;

/// The largest part of a frame: well below what a C integer counts.
const PART_BYTES: usize = 1 << 30;

/// Makes parts smaller, so that tests need no large frames.
const PART_BYTES_VARIABLE: &str = "FUTURES_MPI_TEST_PART_BYTES";

/// From this length on, the memory for a frame is taken in huge pages where the system has them.
const HUGE_BYTES: usize = 4 << 20;

/// From this length on, a frame moves in many steps, each of which may need both processes to look.
pub(crate) const LARGE_BYTES: usize = 1 << 20;

const FRAME: i32 = 1;
const CONTENTS: i32 = 2;
const PART: i32 = 3;
const CONTROL: i32 = 4;
const INVITATION: i32 = 5;

/// The longest invitation: more is no invitation.
const INVITATION_BYTES_MAX: usize = 1 << 16;

/// The bytes of the farewell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Worker to manager: nothing more comes, and I wait for your word.
    Ready,
    /// Manager to worker: disconnect with me now.
    Disconnect,
    /// Manager to worker: go without disconnecting.
    Leave,
    /// Manager to worker: end this process without finalising MPI, which would wait for a worker that is gone.
    LeaveAtOnce,
    /// Manager to worker: another worker is gone, and nothing that all workers do together would ever end. No farewell.
    Maimed,
}

/// By their bytes.
const CONTROLS: [Control; 5] =
    [Control::Ready, Control::Disconnect, Control::Leave, Control::LeaveAtOnce, Control::Maimed];

/// The largest part of a frame in this process.
pub(crate) fn part_bytes() -> usize {
    let chosen = env::var(PART_BYTES_VARIABLE).ok().and_then(|text| text.parse().ok());
    chosen.map_or(PART_BYTES, |bytes: usize| bytes.clamp(1, PART_BYTES))
}

/// Sends a frame to `rank`: what is under way is added to `sent`, in order.
pub(crate) fn send_frame(
    communicator: Communicator,
    rank: i32,
    frame: Frame,
    part: usize,
    sent: &mut impl Extend<Sending>,
) -> Result<(), MpiError> {
    let Frame { bytes, attachments } = frame;
    if attachments.is_empty() && bytes.len() <= part {
        sent.extend([communicator.send(Load::Bytes(bytes), part, rank, FRAME)?]);
        return Ok(());
    }
    let contents = write_contents(bytes.len(), &attachments);
    sent.extend([communicator.send(Load::Bytes(contents), usize::MAX, rank, CONTENTS)?]);
    if !bytes.is_empty() {
        sent.extend([communicator.send(Load::Bytes(bytes), part, rank, PART)?]);
    }
    for attachment in attachments.into_iter().filter(|attachment| attachment.len_bytes() > 0) {
        sent.extend([communicator.send(Load::Attachment(attachment), part, rank, PART)?]);
    }
    Ok(())
}

/// A section of a frame: its bytes, or one of its attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Section {
    alignment: u8,
    length: u64,
}

impl Section {
    const BYTES: usize = size_of::<u8>() + size_of::<u64>();
}

fn write_contents(length: usize, attachments: &[Attachment]) -> Vec<u8> {
    let section = |alignment: usize, length: usize| Section { alignment: alignment as u8, length: length as u64 };
    let of = |attachment: &Attachment| section(attachment.memory().alignment(), attachment.len_bytes());
    let mut contents = Vec::with_capacity((attachments.len() + 1) * Section::BYTES);
    for Section { alignment, length } in [section(1, length)].into_iter().chain(attachments.iter().map(of)) {
        contents.push(alignment);
        contents.extend_from_slice(&length.to_le_bytes());
    }
    contents
}

fn read_contents(contents: &[u8]) -> Result<VecDeque<Section>, String> {
    let (sections, rest) = contents.as_chunks::<{ Section::BYTES }>();
    if sections.is_empty() || !rest.is_empty() {
        return Err(format!("a table of contents of {} bytes arrived", contents.len()));
    }
    let read = |[alignment, length @ ..]: &[u8; Section::BYTES]| Section {
        alignment: *alignment,
        length: u64::from_le_bytes(*length),
    };
    Ok(sections.iter().map(read).collect())
}

/// Sends one byte of the farewell.
pub(crate) fn send_control(communicator: Communicator, rank: i32, control: Control) -> Result<Sending, MpiError> {
    communicator.send(Load::Bytes(vec![control as u8]), 1, rank, CONTROL)
}

/// Sends the invitation to the life line.
pub(crate) fn send_invitation(communicator: Communicator, rank: i32, text: String) -> Result<Sending, MpiError> {
    communicator.send(Load::Bytes(text.into_bytes()), INVITATION_BYTES_MAX, rank, INVITATION)
}

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole frame.
    Frame(Frame),
    /// A byte of the farewell.
    Control(Control),
    /// An invitation to the life line.
    Invitation(Vec<u8>),
}

/// What comes from one peer, in order.
///
/// Invariants: one message is received at a time; `waiting` is empty unless one is; `partial` is `None` while its
/// memory is with `active`.
pub(crate) struct Incoming {
    active: Option<(Receiving, i32)>,
    waiting: VecDeque<Message>,
    /// The section that is under way of a frame in sections.
    partial: Option<Landing>,
    /// The sections that are to come after it.
    sections: VecDeque<Section>,
    /// Those that are there.
    whole: Vec<Memory>,
    /// Where the memory of attachments comes from and goes to.
    recycler: Arc<Recycler>,
}

impl Incoming {
    /// Nothing yet.
    pub(crate) fn new(recycler: &Arc<Recycler>) -> Self {
        Incoming {
            active: None,
            waiting: VecDeque::new(),
            partial: None,
            sections: VecDeque::new(),
            whole: Vec::new(),
            recycler: Arc::clone(recycler),
        }
    }

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
            let Some(landing) = receiving.test().map_err(|error| error.to_string())? else { return Ok(None) };
            let tag = *tag;
            self.active = None;
            let item = self.finish(tag, landing)?;
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
        let landing = match tag {
            FRAME => reserve(1, length)?,
            CONTENTS if self.partial.is_none() => reserve(1, length)?,
            CONTROL if length == 1 => reserve(1, length)?,
            INVITATION if length <= INVITATION_BYTES_MAX => reserve(1, length)?,
            PART => match self.partial.take() {
                Some(landing) if length > 0 && length <= landing.missing() => landing,
                _ => return Err(format!("an unexpected part of a frame arrived, of {length} bytes")),
            },
            _ => return Err(format!("an unexpected message arrived, with the tag {tag} and {length} bytes")),
        };
        let receiving = message.receive(landing).map_err(|error| error.to_string())?;
        self.active = Some((receiving, tag));
        Ok(())
    }

    /// Makes something of a received message.
    fn finish(&mut self, tag: i32, landing: Landing) -> Result<Option<Item>, String> {
        match tag {
            FRAME => Ok(Some(Item::Frame(bytes_of(landing).into()))),
            PART if landing.missing() > 0 => {
                self.partial = Some(landing);
                Ok(None)
            }
            PART => {
                self.whole.push(landing.finish());
                self.next_section()
            }
            CONTENTS => {
                self.sections = read_contents(&bytes_of(landing))?;
                self.next_section()
            }
            INVITATION => Ok(Some(Item::Invitation(bytes_of(landing)))),
            _ => match bytes_of(landing)[..] {
                [byte] if usize::from(byte) < CONTROLS.len() => Ok(Some(Item::Control(CONTROLS[usize::from(byte)]))),
                ref bytes => Err(format!("unexpected bytes of farewell arrived: {bytes:?}")),
            },
        }
    }

    /// Makes room for the next section, or gives the frame when there is none.
    fn next_section(&mut self) -> Result<Option<Item>, String> {
        while let Some(Section { alignment, length }) = self.sections.pop_front() {
            let length = usize::try_from(length).map_err(|_| format!("a section of {length} bytes arrives"))?;
            let alignment = usize::from(alignment);
            let landing = if self.whole.is_empty() {
                reserve(alignment, length)?
            } else {
                let (memory, new) = self.recycler.with_room(alignment, length)?;
                landing(memory, length, new)
            };
            if length > 0 {
                self.partial = Some(landing);
                return Ok(None);
            }
            self.whole.push(landing.finish());
        }
        let mut whole = std::mem::take(&mut self.whole).into_iter();
        let bytes = match whole.next() {
            Some(Memory::Align1(bytes)) => bytes,
            _ => return Err("a frame arrived whose bytes are aligned".to_owned()),
        };
        let attachments = whole.map(|memory| Attachment::recycled(memory, &self.recycler)).collect();
        Ok(Some(Item::Frame(Frame { bytes, attachments })))
    }
}

fn bytes_of(landing: Landing) -> Vec<u8> {
    match landing.finish() {
        Memory::Align1(bytes) => bytes,
        other => other.bytes().to_vec(),
    }
}

/// New memory for exactly `length` bytes.
fn reserve(alignment: usize, length: usize) -> Result<Landing, String> {
    Ok(landing(Memory::with_room(alignment, length)?, length, true))
}

fn landing(memory: Memory, length: usize, new: bool) -> Landing {
    let mut landing = Landing::new(memory, length);
    if new && length >= HUGE_BYTES {
        landing.advise_huge_pages();
    }
    landing
}

#[cfg(test)]
mod damage;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_contents_is_read_as_it_was_written() {
        let attachments = [Attachment::new(Memory::with_room(8, 0).expect("it takes no memory"))];
        let sections = read_contents(&write_contents(77, &attachments)).expect("it is one");
        assert_eq!(sections, [Section { alignment: 1, length: 77 }, Section { alignment: 8, length: 0 }]);
        assert!(read_contents(&[]).is_err() && read_contents(&[0; 10]).is_err());
    }
}
