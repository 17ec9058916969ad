//! Eager messages and segments that a process sends to itself over MPI: good ones come out equal, however they were
//! split and whenever they were looked for, and bad ones are errors that take no more memory than has come.

use super::*;
use crate::sys::{self, ThreadLevel};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::time::{Duration, Instant};

/// One test, because MPI starts once in a process and ends once.
#[test]
fn what_comes_is_what_was_sent_or_an_error() {
    sys::initialize(ThreadLevel::Multiple);
    // MPICH 4.0 asks the world's handler what to do about an error of a request, whatever its communicator says.
    Communicator::world().return_errors().expect("it can be told to");
    let communicator = Communicator::this_process().duplicate().expect("MPI can copy a communicator");
    check(
        &(prop::collection::vec((thing(), 0..4usize), 1..8), segment(), any::<bool>()),
        |(things, segment, eager)| send_and_compare(communicator, things, segment, eager),
    );
    let choices = prop::collection::vec((1..100usize, any::<bool>(), any::<bool>()), 1..50);
    check(&(prop::collection::vec(thing(), 1..6), choices), |(things, choices)| {
        send_pieces_and_compare(communicator, &things, &choices)
    });
    check(&prop::collection::vec(message(), 1..12), |messages| send_nonsense(communicator, &messages));
    communicator.free().expect("nothing is under way");
    sys::finalize().expect("nothing is under way");
}

/// Tries many values.
fn check<S: Strategy>(values: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    TestRunner::new(config).run(values, test).unwrap_or_else(|failure| panic!("{failure}"));
}

/// Something that can be sent.
#[derive(Debug, Clone)]
enum Thing {
    Frame(Vec<u8>, Vec<Vec<u128>>, usize),
    Control(usize),
    Invitation(String),
}

impl Thing {
    fn frame(bytes: &[u8], attachments: &[Vec<u128>], alignment: usize) -> Frame {
        let attachment = |values: &Vec<u128>| Attachment::new(memory(values, alignment));
        Frame { bytes: bytes.to_vec(), attachments: attachments.iter().map(attachment).collect() }
    }

    /// As it is to arrive.
    fn item(&self) -> Item {
        match self {
            Thing::Frame(bytes, attachments, alignment) => Item::Frame(Self::frame(bytes, attachments, *alignment)),
            Thing::Control(number) => Item::Control(CONTROLS[*number]),
            Thing::Invitation(text) => Item::Invitation(text.clone().into_bytes()),
        }
    }
}

/// Memory that is aligned so.
fn memory(values: &[u128], alignment: usize) -> Memory {
    match alignment {
        1 => Memory::Align1(values.iter().map(|value| *value as u8).collect()),
        2 => Memory::Align2(values.iter().map(|value| *value as u16).collect()),
        4 => Memory::Align4(values.iter().map(|value| *value as u32).collect()),
        8 => Memory::Align8(values.iter().map(|value| *value as u64).collect()),
        _ => Memory::Align16(values.to_vec()),
    }
}

fn thing() -> impl Strategy<Value = Thing> {
    let length = prop_oneof![8 => 0..200usize, 1 => EAGER_BYTES - 2..EAGER_BYTES + 3];
    let bytes = (length, any::<u8>()).prop_map(|(length, first)| (first..=u8::MAX).cycle().take(length).collect());
    let attachments = prop::collection::vec(prop::collection::vec(any::<u128>(), 0..40), 0..4);
    let alignment = prop::sample::select(vec![1, 2, 4, 8, 16]);
    prop_oneof![
        6 => (bytes, attachments, alignment).prop_map(|(bytes, more, alignment)| Thing::Frame(bytes, more, alignment)),
        1 => (0..CONTROLS.len()).prop_map(Thing::Control),
        1 => ".{0,40}".prop_map(Thing::Invitation),
    ]
}

/// The largest segment: often so small that rendezvous headers do not fit into eager messages.
fn segment() -> impl Strategy<Value = usize> {
    prop_oneof![1..40usize, 40..4000usize, Just(SEGMENT_BYTES)]
}

/// Sends everything, after each thing looks so many times, and expects the same in the end. `eager`: takes eager
/// messages while a frame is still coming, as a manager does, and not only between frames, as a worker does.
fn send_and_compare(
    communicator: Communicator,
    things: Vec<(Thing, usize)>,
    segment: usize,
    eager: bool,
) -> Result<(), TestCaseError> {
    let mut receiver = Receiver::new(communicator);
    let mut under_way = Vec::new();
    let come = send_all(&mut receiver, &things, segment, eager, &mut under_way);
    let busy = receiver.incoming.is_busy();
    receiver.end(&mut under_way);
    let sent: Vec<Item> = things.iter().map(|(thing, _)| thing.item()).collect();
    prop_assert_eq!(come.map_err(TestCaseError::fail)?, sent);
    prop_assert!(!busy, "nothing more is to come");
    Ok(())
}

fn send_all(
    receiver: &mut Receiver,
    things: &[(Thing, usize)],
    segment: usize,
    eager: bool,
    under_way: &mut Vec<Sending>,
) -> Result<Vec<Item>, String> {
    let mut come = Vec::new();
    let mut spare = Spare::default();
    for (thing, looks) in things {
        let keep = |sending| under_way.push(sending);
        let outgoing = Outgoing { communicator: receiver.communicator, rank: 0, segment, spare: &mut spare, keep };
        let sent = match thing {
            Thing::Frame(bytes, attachments, alignment) => outgoing.frame(Thing::frame(bytes, attachments, *alignment)),
            Thing::Control(number) => outgoing.control(CONTROLS[*number]),
            Thing::Invitation(text) => outgoing.invitation(text.clone()),
        };
        sent.expect("it can be sent");
        for _ in 0..*looks {
            come.extend(receiver.look(eager)?);
        }
    }
    receive_all(receiver, eager, things.len(), come, under_way)
}

fn receive_all(
    receiver: &mut Receiver,
    eager: bool,
    count: usize,
    mut come: Vec<Item>,
    under_way: &mut Vec<Sending>,
) -> Result<Vec<Item>, String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while come.len() < count || !under_way.is_empty() {
        if Instant::now() > deadline {
            return Err(format!("only {} of {count} have come, and {} are under way", come.len(), under_way.len()));
        }
        come.extend(receiver.look(eager)?);
        under_way.retain_mut(|sending| !sending.test().expect("MPI reports no error"));
    }
    Ok(come)
}

/// Sends everything in pieces of every length, eager messages and segments in every order that keeps that of each kind,
/// and expects the same in the end. The choices: how long the next piece is, whether an eager message is next, whether
/// something is looked for.
fn send_pieces_and_compare(
    communicator: Communicator,
    things: &[Thing],
    choices: &[(usize, bool, bool)],
) -> Result<(), TestCaseError> {
    let mut choices = choices.iter().cycle();
    let mut next = move || *choices.next().expect("it has no end");
    let (mut eager_messages, mut segments) = (VecDeque::new(), VecDeque::new());
    for thing in things {
        write_pieces(thing, &mut next, &mut eager_messages, &mut segments);
    }
    let mut receiver = Receiver::new(communicator);
    let mut under_way = Vec::new();
    let mut come = Ok(Vec::new());
    while !(eager_messages.is_empty() && segments.is_empty()) {
        let (_, eager, looks) = next();
        let is_eager = segments.is_empty() || (eager && !eager_messages.is_empty());
        let (kind, tag) = if is_eager { (&mut eager_messages, EAGER) } else { (&mut segments, SEGMENT) };
        let bytes = kind.pop_front().expect("one of the kinds has one");
        send(communicator, bytes, tag, &mut under_way);
        if looks && let Ok(items) = &mut come {
            match receiver.look(true) {
                Ok(item) => items.extend(item),
                Err(text) => come = Err(text),
            }
        }
    }
    let come = come.and_then(|come| receive_all(&mut receiver, true, things.len(), come, &mut under_way));
    receiver.end(&mut under_way);
    let sent: Vec<Item> = things.iter().map(Thing::item).collect();
    prop_assert_eq!(come.map_err(TestCaseError::fail)?, sent);
    Ok(())
}

/// What is sent for a thing: eager messages, and segments as long as is chosen.
fn write_pieces(
    thing: &Thing,
    next: &mut impl FnMut() -> (usize, bool, bool),
    eager_messages: &mut VecDeque<Vec<u8>>,
    segments: &mut VecDeque<Vec<u8>>,
) {
    let eager = |bytes: &[u8], kind: u8| [bytes, &[kind]].concat();
    let (bytes, attachments) = match thing.item() {
        Item::Frame(Frame { bytes, attachments }) => (bytes, attachments),
        Item::Control(control) => return eager_messages.push_back(vec![control as u8, CONTROL]),
        Item::Invitation(text) => return eager_messages.push_back(eager(&text, INVITATION)),
    };
    let (_, whole, in_letter) = next();
    if whole && attachments.is_empty() && bytes.len() < EAGER_BYTES {
        return eager_messages.push_back(eager(&bytes, FRAME));
    }
    let header = write_rendezvous_header(bytes.len(), &attachments);
    let mut cut = |mut section: &[u8]| {
        while !section.is_empty() {
            let (piece, rest) = section.split_at(section.len().min(next().0 * (1 + section.len() / 1000)));
            segments.push_back(piece.to_vec());
            section = rest;
        }
    };
    if in_letter {
        eager_messages.push_back(eager(&header, HEADER));
    } else {
        eager_messages.push_back(eager(&(header.len() as u64).to_le_bytes(), HEADER_AS_SEGMENTS));
        cut(&header);
    }
    cut(&bytes);
    attachments.iter().for_each(|attachment| cut(attachment.memory().bytes()));
}

/// A message that may be anything.
#[derive(Debug, Clone)]
struct Message {
    tag: i32,
    bytes: Vec<u8>,
}

fn message() -> impl Strategy<Value = Message> {
    let some = |most| prop::collection::vec(any::<u8>(), 0..most);
    let kind = prop_oneof![8 => 0..7u8, 1 => any::<u8>()];
    let eager = |body: BoxedStrategy<Vec<u8>>, kind: BoxedStrategy<u8>| {
        (body, kind).prop_map(|(mut bytes, kind)| {
            bytes.push(kind);
            Message { tag: EAGER, bytes }
        })
    };
    prop_oneof![
        2 => eager(some(100).boxed(), kind.boxed()),
        4 => eager(table().boxed(), Just(HEADER).boxed()),
        2 => eager(length().prop_map(|length| length.to_le_bytes().to_vec()).boxed(), Just(HEADER_AS_SEGMENTS).boxed()),
        1 => eager(any::<u8>().prop_map(|byte| vec![byte]).boxed(), Just(CONTROL).boxed()),
        1 => (0..2usize).prop_map(|more| Message { tag: EAGER, bytes: vec![FRAME; EAGER_BYTES * more] }),
        1 => Just(Message { tag: EAGER, bytes: vec![FRAME; EAGER_BYTES + 1] }),
        8 => some(60).prop_map(|bytes| Message { tag: SEGMENT, bytes }),
        2 => table().prop_map(|bytes| Message { tag: SEGMENT, bytes }),
    ]
}

/// Lengths that are to come, that are odd, and that no machine has memory for.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..64u64, 2 => Just(18), 1 => (1u64 << 60)..=u64::MAX]
}

/// A rendezvous header that may be cut.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let alignment = prop_oneof![6 => Just(1u8), 3 => prop::sample::select(vec![2, 4, 8, 16]), 1 => any::<u8>()];
    let section = (alignment, length()).prop_map(|(alignment, length)| {
        let mut section = vec![alignment];
        section.extend_from_slice(&length.to_le_bytes());
        section
    });
    let whole = prop::collection::vec(section, 0..6).prop_map(|sections| sections.concat());
    (whole, prop_oneof![6 => Just(0), 1 => 1..9usize]).prop_map(|(mut table, cut)| {
        table.truncate(table.len().saturating_sub(cut));
        table
    })
}

/// Sends messages, and requires that what is made of them is no more than they are.
fn send_nonsense(communicator: Communicator, messages: &[Message]) -> Result<(), TestCaseError> {
    let mut receiver = Receiver::new(communicator);
    let mut under_way = Vec::new();
    let outcome = send_and_weigh(&mut receiver, messages, &mut under_way);
    receiver.end(&mut under_way);
    outcome
}

fn send_and_weigh(
    receiver: &mut Receiver,
    messages: &[Message],
    under_way: &mut Vec<Sending>,
) -> Result<(), TestCaseError> {
    let (mut sent, mut given) = (0, 0);
    for Message { tag, bytes } in messages {
        send(receiver.communicator, bytes.clone(), *tag, under_way);
        sent += bytes.len();
        // Often enough for whatever is there.
        for _ in 0..8 {
            match receiver.look(true) {
                Ok(Some(Item::Frame(frame))) => given += frame.len_bytes(),
                Ok(Some(Item::Invitation(text))) => given += text.len(),
                Ok(Some(Item::Control(_)) | None) => {}
                Err(text) => {
                    prop_assert!(!text.is_empty(), "an error has a message");
                    return Ok(());
                }
            }
            let kept: usize = receiver.incoming.whole.iter().map(Memory::room_bytes).sum();
            prop_assert!(given + kept <= sent, "{given} bytes were given and {kept} are kept of {sent}");
            let announced = receiver.incoming.whole.len() + receiver.incoming.sections.len();
            prop_assert!(announced <= sent / Section::BYTES, "{announced} sections were announced by {sent} bytes");
        }
    }
    Ok(())
}

fn send(communicator: Communicator, bytes: Vec<u8>, tag: i32, under_way: &mut Vec<Sending>) {
    match communicator.send_bytes(bytes, 0, tag).expect("it can be sent") {
        Sent::Done(_) => {}
        Sent::UnderWay(sending) => under_way.push(sending),
    }
}

/// The other end, as managers and workers have it.
struct Receiver {
    communicator: Communicator,
    persistent_receive: Option<PersistentReceive>,
    incoming: Incoming,
}

impl Receiver {
    fn new(communicator: Communicator) -> Self {
        let persistent_receive = open_persistent_receive(communicator, Source::Any).expect("it can be opened");
        let incoming = Incoming::new(communicator, 0, &Arc::default());
        Receiver { communicator, persistent_receive: Some(persistent_receive), incoming }
    }

    /// Looks once.
    fn look(&mut self, eager: bool) -> Result<Option<Item>, String> {
        if !eager {
            let item = self.incoming.advance()?;
            if item.is_some() || self.incoming.is_busy() {
                return Ok(item);
            }
        }
        let Some(persistent_receive) = &mut self.persistent_receive else { return Ok(None) };
        match persistent_receive.look(Vec::new) {
            Ok(Some((rank, eager))) => {
                assert_eq!(rank, 0, "an eager message is from this process");
                self.incoming.accept(eager)
            }
            Ok(None) => self.incoming.advance(),
            Err(error) => {
                // Its receive is over, and it is of no more use.
                self.persistent_receive = None;
                Err(error.to_string())
            }
        }
    }

    /// Takes all that is left, so that nothing of it comes to the next.
    fn end(mut self, under_way: &mut Vec<Sending>) {
        if self.incoming.active.is_some() {
            // The receive that is forgotten with it takes one segment.
            drop(std::mem::replace(&mut self.incoming, Incoming::new(self.communicator, 0, &Arc::default())));
            send(self.communicator, vec![0], SEGMENT, under_way);
        }
        let eager_messages = self
            .persistent_receive
            .take()
            .unwrap_or_else(|| open_persistent_receive(self.communicator, Source::Any).expect("it opens"));
        let segments =
            PersistentReceive::open(self.communicator, Source::Any, SEGMENT, EAGER_BYTES).expect("it can be opened");
        for mut persistent_receive in [eager_messages, segments] {
            while !matches!(persistent_receive.look(Vec::new), Ok(None)) {}
            persistent_receive.close().expect("it takes its receive back");
        }
        under_way.retain_mut(|sending| !sending.test().expect("MPI reports no error"));
        assert!(under_way.is_empty(), "everything has come");
    }
}
