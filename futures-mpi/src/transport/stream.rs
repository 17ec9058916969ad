//! Frames over MPI messages: eager messages and segments, the splitting of large frames and their reassembly, the same
//! at both ends.
//!
//! Everything begins with an eager message, a message of up to [`EAGER_BYTES`] with the tag [`EAGER`], whose last byte
//! says what it is. Eager messages are all that is looked for: each end has a receive for them posted ahead. A small
//! frame without attachments is one eager message. Any other is announced by an eager message with its rendezvous
//! header, the length and the alignment of each section, of which the first is the frame's bytes and the others its
//! attachments; then the sections follow as segments, messages with the tag [`SEGMENT`], which are received straight
//! into the final memory of each section. An empty section has no segments. A table that is too long for an eager
//! message is itself sent as segments, announced by its length.
//!
//! MPI keeps the order of the eager messages between two processes, and that of the segments.

use crate::sys::{
    Communicator, MpiError, PersistentReceive, ReceiveBuffer, Receiving, SendBuffer, Sending, Sent, Source,
};
use futures_mpi_core::engine::{Attachment, Frame, Memory, Recycler};
use std::collections::VecDeque;
use std::env;
use std::sync::Arc;

/// The largest segment of a frame: well below what a C integer counts.
const SEGMENT_BYTES: usize = 1 << 30;

/// Makes segments and eager messages smaller, so that tests need no large frames.
const SEGMENT_BYTES_VARIABLE: &str = "FUTURES_MPI_TEST_SEGMENT_BYTES";

/// The longest eager message: it is copied once, which costs less than a message until about here.
const EAGER_BYTES: usize = 1 << 16;

/// From this length on, the memory for a frame is taken in huge pages where the system has them.
const HUGE_BYTES: usize = 4 << 20;

/// From this length on, a frame moves in many steps, each of which may need both processes to look.
pub(crate) const LARGE_BYTES: usize = 1 << 20;

/// How much memory of frames that were dealt with is kept for others.
const SPARE: usize = 16;

// Numbers that hardly any other program uses: a spawned process tells by the tag whether its parent is a master of this
// library. MPI promises tags of up to 32,767.
const EAGER: i32 = 20_561;
const SEGMENT: i32 = 20_562;

// The kinds of eager messages.
const FRAME: u8 = 1;
const HEADER: u8 = 2;
const HEADER_AS_SEGMENTS: u8 = 3;
const CONTROL: u8 = 4;
const INVITATION: u8 = 5;

/// The bytes of the goodbye.
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
    /// Manager to worker: another worker is gone, and nothing that all workers do together would ever end. No goodbye.
    Degraded,
}

/// By their bytes.
const CONTROLS: [Control; 5] =
    [Control::Ready, Control::Disconnect, Control::Leave, Control::LeaveAtOnce, Control::Degraded];

/// The largest segment of a frame in this process.
pub(crate) fn segment_bytes() -> usize {
    let chosen = env::var(SEGMENT_BYTES_VARIABLE).ok().and_then(|text| text.parse().ok());
    chosen.map_or(SEGMENT_BYTES, |bytes: usize| bytes.clamp(1, SEGMENT_BYTES))
}

/// Waits for the eager messages of one process, or of all.
pub(crate) fn open_persistent_receive(
    communicator: Communicator,
    source: Source,
) -> Result<PersistentReceive, MpiError> {
    PersistentReceive::open(communicator, source, EAGER, EAGER_BYTES)
}

/// Whether an eager message of this rank has come; it is left where it is.
pub(crate) fn has_eager(communicator: Communicator, rank: i32) -> Result<bool, MpiError> {
    communicator.has_message(Source::Rank(rank), EAGER)
}

/// Memory of frames that were dealt with, for others.
#[derive(Default)]
pub(crate) struct Spare(Vec<Vec<u8>>);

impl Spare {
    /// Empty memory.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    /// Takes memory back; what is in it is of no interest.
    pub(crate) fn put(&mut self, mut bytes: Vec<u8>) {
        if self.0.len() < SPARE && (1..=EAGER_BYTES).contains(&bytes.capacity()) {
            bytes.clear();
            self.0.push(bytes);
        }
    }
}

/// What leaves a process, on its way to `rank`.
pub(crate) struct Outgoing<'a, K> {
    pub(crate) communicator: Communicator,
    pub(crate) rank: i32,
    /// The largest segment.
    pub(crate) segment: usize,
    /// Memory that MPI has let go of.
    pub(crate) spare: &'a mut Spare,
    /// Is given what is under way, in order.
    pub(crate) keep: K,
}

impl<K: FnMut(Sending)> Outgoing<'_, K> {
    /// Sends a frame.
    pub(crate) fn frame(mut self, frame: Frame) -> Result<(), MpiError> {
        let Frame { bytes, attachments } = frame;
        if attachments.is_empty() && self.fits(bytes.len()) {
            return self.eager(bytes, FRAME);
        }
        let header = write_rendezvous_header(bytes.len(), &attachments);
        if self.fits(header.len()) {
            self.eager(header, HEADER)?;
        } else {
            self.eager((header.len() as u64).to_le_bytes().to_vec(), HEADER_AS_SEGMENTS)?;
            self.section(SendBuffer::Bytes(header))?;
        }
        if !bytes.is_empty() {
            self.section(SendBuffer::Bytes(bytes))?;
        }
        let mut attachments = attachments.into_iter().filter(|attachment| attachment.len_bytes() > 0);
        attachments.try_for_each(|attachment| self.section(SendBuffer::Attachment(attachment)))
    }

    /// Sends one byte of the goodbye.
    pub(crate) fn control(mut self, control: Control) -> Result<(), MpiError> {
        self.eager(vec![control as u8], CONTROL)
    }

    /// Sends the invitation to the liveness connection.
    pub(crate) fn invitation(mut self, text: String) -> Result<(), MpiError> {
        self.eager(text.into_bytes(), INVITATION)
    }

    /// Whether so many bytes go into an eager message.
    fn fits(&self, length: usize) -> bool {
        length < EAGER_BYTES && length <= self.segment
    }

    fn eager(&mut self, mut bytes: Vec<u8>, kind: u8) -> Result<(), MpiError> {
        bytes.push(kind);
        match self.communicator.send_bytes(bytes, self.rank, EAGER)? {
            Sent::Done(bytes) => self.spare.put(bytes),
            Sent::UnderWay(sending) => (self.keep)(sending),
        }
        Ok(())
    }

    fn section(&mut self, send_buffer: SendBuffer) -> Result<(), MpiError> {
        (self.keep)(self.communicator.send(send_buffer, self.segment, self.rank, SEGMENT)?);
        Ok(())
    }
}

/// Sends one byte of the goodbye to somebody with whom there is nothing else to be done; `keep` is given what is under
/// way.
pub(crate) fn send_word(
    communicator: Communicator,
    rank: i32,
    word: Control,
    keep: impl FnMut(Sending),
) -> Result<(), MpiError> {
    Outgoing { communicator, rank, segment: SEGMENT_BYTES, spare: &mut Spare::default(), keep }.control(word)
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

fn write_rendezvous_header(length: usize, attachments: &[Attachment]) -> Vec<u8> {
    let section = |alignment: usize, length: usize| Section { alignment: alignment as u8, length: length as u64 };
    let of = |attachment: &Attachment| section(attachment.memory().alignment(), attachment.len_bytes());
    let mut header = Vec::with_capacity((attachments.len() + 1) * Section::BYTES);
    for Section { alignment, length } in [section(1, length)].into_iter().chain(attachments.iter().map(of)) {
        header.push(alignment);
        header.extend_from_slice(&length.to_le_bytes());
    }
    header
}

fn read_rendezvous_header(header: &[u8]) -> Result<VecDeque<Section>, String> {
    let (sections, rest) = header.as_chunks::<{ Section::BYTES }>();
    if sections.is_empty() || !rest.is_empty() {
        return Err(format!("a rendezvous header of {} bytes arrived", header.len()));
    }
    let read = |[alignment, length @ ..]: &[u8; Section::BYTES]| Section {
        alignment: *alignment,
        length: u64::from_le_bytes(*length),
    };
    Ok(sections.iter().map(read).collect())
}

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole frame.
    Frame(Frame),
    /// A byte of the goodbye.
    Control(Control),
    /// An invitation to the liveness connection.
    Invitation(Vec<u8>),
}

/// What comes from one peer, in order.
///
/// One segment is received at a time.
pub(crate) struct Incoming {
    communicator: Communicator,
    rank: i32,
    /// The segment that is under way, and what becomes of its section.
    active: Option<(Receiving, Purpose)>,
    /// Eager messages that have come meanwhile.
    eager_messages: VecDeque<Vec<u8>>,
    /// The sections that are to come after the one that is under way.
    sections: VecDeque<Section>,
    /// Those that are there.
    whole: Vec<Memory>,
    /// Where the memory of attachments comes from and goes to.
    recycler: Arc<Recycler>,
}

/// What is received as segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The rendezvous header of a frame.
    Contents,
    /// A section of it.
    Section,
}

impl Incoming {
    /// Nothing yet.
    pub(crate) fn new(communicator: Communicator, rank: i32, recycler: &Arc<Recycler>) -> Self {
        Incoming {
            communicator,
            rank,
            active: None,
            eager_messages: VecDeque::new(),
            sections: VecDeque::new(),
            whole: Vec::new(),
            recycler: Arc::clone(recycler),
        }
    }

    /// Whether something has begun to come, so that [`advance`](Self::advance) may bring something.
    pub(crate) fn is_busy(&self) -> bool {
        self.active.is_some() || !self.eager_messages.is_empty()
    }

    /// Takes the next eager message of the peer; gives what is whole by then.
    pub(crate) fn accept(&mut self, eager: Vec<u8>) -> Result<Option<Item>, String> {
        if self.is_busy() {
            self.eager_messages.push_back(eager);
        } else if let Some(item) = self.read(eager)? {
            return Ok(Some(item));
        }
        self.advance()
    }

    /// Gives the next thing that is whole by now.
    pub(crate) fn advance(&mut self) -> Result<Option<Item>, String> {
        loop {
            let item = if let Some((receiving, purpose)) = &mut self.active {
                let purpose = *purpose;
                let segment = receiving.test().map_err(|error| error.to_string())?;
                let Some((receive_buffer, length)) = segment else { return Ok(None) };
                self.active = None;
                self.take_part(receive_buffer, length, purpose)?
            } else if let Some(eager) = self.eager_messages.pop_front() {
                self.read(eager)?
            } else {
                return Ok(None);
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    /// Makes something of a segment, which has added `length` bytes.
    fn take_part(
        &mut self,
        receive_buffer: ReceiveBuffer,
        length: usize,
        purpose: Purpose,
    ) -> Result<Option<Item>, String> {
        if length == 0 {
            return Err("an empty segment of a frame arrived".to_owned());
        }
        if receive_buffer.missing() > 0 {
            self.receive(receive_buffer, purpose)?;
            return Ok(None);
        }
        match purpose {
            Purpose::Contents => self.sections = read_rendezvous_header(&bytes_of(receive_buffer))?,
            Purpose::Section => self.whole.push(receive_buffer.finish()),
        }
        self.next_section()
    }

    /// Makes something of an eager message.
    fn read(&mut self, mut eager: Vec<u8>) -> Result<Option<Item>, String> {
        match eager.pop() {
            Some(FRAME) => Ok(Some(Item::Frame(eager.into()))),
            Some(HEADER) => {
                self.sections = read_rendezvous_header(&eager)?;
                self.next_section()
            }
            Some(HEADER_AS_SEGMENTS) => {
                let length =
                    eager.as_slice().try_into().ok().and_then(|bytes| u64::from_le_bytes(bytes).try_into().ok());
                let length = length.filter(|length| *length > 0);
                let length = length.ok_or("a rendezvous header of an unreadable length is announced")?;
                self.receive(reserve(1, length)?, Purpose::Contents)?;
                Ok(None)
            }
            Some(CONTROL) => match eager[..] {
                [byte] if usize::from(byte) < CONTROLS.len() => Ok(Some(Item::Control(CONTROLS[usize::from(byte)]))),
                ref bytes => Err(format!("unexpected bytes of goodbye arrived: {bytes:?}")),
            },
            Some(INVITATION) => Ok(Some(Item::Invitation(eager))),
            kind => Err(format!("a message of the unknown kind {kind:?} arrived, of {} bytes", eager.len())),
        }
    }

    fn receive(&mut self, receive_buffer: ReceiveBuffer, purpose: Purpose) -> Result<(), String> {
        let receiving =
            self.communicator.receive(receive_buffer, self.rank, SEGMENT).map_err(|error| error.to_string())?;
        self.active = Some((receiving, purpose));
        Ok(())
    }

    /// Makes room for the next section, or gives the frame when there is none.
    fn next_section(&mut self) -> Result<Option<Item>, String> {
        while let Some(Section { alignment, length }) = self.sections.pop_front() {
            let length = usize::try_from(length).map_err(|_| format!("a section of {length} bytes arrives"))?;
            let alignment = usize::from(alignment);
            let receive_buffer = if self.whole.is_empty() {
                reserve(alignment, length)?
            } else {
                let (memory, new) = self.recycler.with_room(alignment, length)?;
                receive_buffer(memory, length, new)
            };
            if length > 0 {
                self.receive(receive_buffer, Purpose::Section)?;
                return Ok(None);
            }
            self.whole.push(receive_buffer.finish());
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

fn bytes_of(receive_buffer: ReceiveBuffer) -> Vec<u8> {
    match receive_buffer.finish() {
        Memory::Align1(bytes) => bytes,
        other => other.bytes().to_vec(),
    }
}

/// New memory for exactly `length` bytes.
fn reserve(alignment: usize, length: usize) -> Result<ReceiveBuffer, String> {
    Ok(receive_buffer(Memory::with_room(alignment, length)?, length, true))
}

fn receive_buffer(memory: Memory, length: usize, new: bool) -> ReceiveBuffer {
    let mut receive_buffer = ReceiveBuffer::new(memory, length);
    if new && length >= HUGE_BYTES {
        receive_buffer.advise_huge_pages();
    }
    receive_buffer
}

#[cfg(test)]
mod damage;

#[cfg(test)]
mod to_itself;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_contents_is_read_as_it_was_written() {
        let attachments = [Attachment::new(Memory::with_room(8, 0).expect("it takes no memory"))];
        let sections = read_rendezvous_header(&write_rendezvous_header(77, &attachments)).expect("it is one");
        assert_eq!(sections, [Section { alignment: 1, length: 77 }, Section { alignment: 8, length: 0 }]);
        assert!(read_rendezvous_header(&[]).is_err() && read_rendezvous_header(&[0; 10]).is_err());
    }
}
