//! Bytes that nobody should have sent: whatever comes, a worker and a manager go on or end with a reason, and take no
//! more memory than what has come makes plausible.
//!
//! Whatever is decoded anywhere passes through these two: the frames themselves, options, arguments, results.

mod network;

use fastrand::Rng;
use futures_mpi_core::engine::{Arrival, Next, Stepper, Worker, WorkerNumber};
use futures_mpi_core::options::CommonOptions;
use futures_mpi_core::{Buffer, Cbor, Executor, Future};
use futures_mpi_macros::remote_task;
use network::{ManualClock, Network, Recorded};
use peak_alloc::PeakAlloc;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What may be taken for each byte that has come: a byte of a frame can stand for a value of some bytes, and vectors
/// take up to twice what they need.
const MEMORY_PER_BYTE: usize = 256;

/// What may be taken in any case: serde reserves up to 1 MiB for a sequence before it has seen its first element.
const MEMORY_ANYWAY: usize = 2 << 20;

/// How many damaged frames are tried of each kind.
const ATTEMPTS: u64 = 3000;

#[remote_task]
fn measure(texts: Vec<String>, more: Option<(u64, Vec<u8>)>) -> Result<Vec<String>, String> {
    match more {
        None => Ok(texts),
        Some((number, _)) => Err(format!("{number}")),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    One(u128),
    Two(char, Option<Box<Shape>>),
    Named { list: Vec<Shape>, texts: BTreeMap<String, Vec<i16>> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Described {
    Nothing,
    Some {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        list: Vec<Described>,
        #[serde(flatten)]
        rest: HashMap<String, Option<Option<i64>>>,
    },
}

/// Values of all kinds, each of them small.
type Shapes = (Vec<Shape>, Cbor<Vec<Described>>, Buffer<u32>, (bool, f32, [(i8, u16); 2]), Option<Result<(), String>>);

#[remote_task]
fn same_shapes(shapes: Shapes) -> Shapes {
    assert!(shapes.0.iter().all(is_sound) && shapes.1.iter().all(|value| depth_of(value) < 300));
    shapes
}

/// Whether the value can be walked through.
fn is_sound(shape: &Shape) -> bool {
    match shape {
        Shape::Unit | Shape::One(_) => true,
        Shape::Two(char, inner) => char::from_u32(u32::from(*char)).is_some() && inner.as_deref().is_none_or(is_sound),
        Shape::Named { list, texts } => {
            list.iter().all(is_sound) && texts.keys().all(|text| std::str::from_utf8(text.as_bytes()).is_ok())
        }
    }
}

fn depth_of(value: &Described) -> usize {
    match value {
        Described::Nothing => 0,
        Described::Some { list, .. } => 1 + list.iter().map(depth_of).max().unwrap_or(0),
    }
}

fn shapes() -> Shapes {
    let texts = BTreeMap::from([("a".to_owned(), vec![1, -1]), ("bc".to_owned(), vec![])]);
    let two = Shape::Two('x', Some(Box::new(Shape::One(u128::MAX))));
    let rest = HashMap::from([("n".to_owned(), Some(None)), ("m".to_owned(), Some(Some(-300)))]);
    let described = Described::Some { list: vec![Described::Nothing], rest };
    (
        vec![Shape::Unit, two, Shape::Named { list: vec![Shape::Unit], texts }],
        Cbor(vec![described]),
        Buffer::from(vec![7; 3]),
        (true, 0.5, [(1, 2), (3, 4)]),
        Some(Err("no".to_owned())),
    )
}

/// One test, because the memory of the whole process is counted.
#[test]
fn damage_does_no_harm() {
    damaged_frames_do_no_harm();
    damaged_values_do_no_harm();
}

/// Every truncation and every changed bit of a call and of its reply: an error, or a value of that type.
fn damaged_values_do_no_harm() {
    let (call, reply) = record_shapes();
    for bytes in every_damage(&call) {
        give_to_worker(&bytes);
    }
    let mut values = 0;
    for bytes in every_damage(&reply) {
        values += usize::from(give_reply(&bytes));
    }
    assert!(values > 0, "a bit of a number may change");
}

/// The bytes cut everywhere, and with each of their bits changed.
fn every_damage(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let changed = (0..8 * bytes.len()).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    });
    cut.chain(changed)
}

/// The frames of one call, and the reply to it.
fn record_shapes() -> (Vec<u8>, Vec<u8>) {
    let network = Network::recording();
    let (executor, mut stepper) = network.pool(CommonOptions::default());
    let future = executor.submit(same_shapes::ID, shapes());
    let mut worker = new_worker();
    while !future.done() {
        exchange(&mut stepper, &network, &mut worker);
    }
    assert_eq!(future.result().expect("it succeeds"), shapes());
    let Recorded { down, up } = network.record();
    let call = down.into_iter().max_by_key(Vec::len).expect("there is one");
    let reply = up.into_iter().max_by_key(Vec::len).expect("there is one");
    end(&executor, &mut stepper, &network);
    (call, reply)
}

/// Gives a damaged reply to a pool that waits for it; whether it is taken for a value.
fn give_reply(reply: &[u8]) -> bool {
    let network = Network::recording();
    let (executor, mut stepper) = network.pool(CommonOptions::default());
    let future = executor.submit(same_shapes::ID, shapes());
    let mut worker = new_worker();
    while network.record().down.iter().map(Vec::len).max().unwrap_or(0) < reply.len() / 2 {
        exchange(&mut stepper, &network, &mut worker);
    }
    network.forget_arrivals();
    network.answer(WorkerNumber(0), reply.to_vec().into());
    within_bounds(reply.len(), || _ = stepper.step(Duration::ZERO));
    end(&executor, &mut stepper, &network);
    let mut result = None;
    within_bounds(reply.len(), || result = Some(future.result()));
    match result.expect("it has been asked for") {
        Ok(shapes) => {
            assert!(shapes.0.iter().all(is_sound) && shapes.1.iter().all(|value| depth_of(value) < 300));
            true
        }
        Err(error) => {
            assert!(!error.message().is_empty(), "an error has a message");
            false
        }
    }
}

/// Ends a pool, whose only worker is lost.
fn end(executor: &Executor, stepper: &mut Stepper, network: &Network) {
    executor.shutdown(false, false);
    network.arrive(Arrival::Lost(WorkerNumber(0), "the test is over".to_owned()));
    stepper.step(Duration::ZERO);
    assert!(stepper.is_finished(), "the pool comes to its end");
}

fn damaged_frames_do_no_harm() {
    let recorded = record();
    assert!(recorded.down.len() > 3 && recorded.up.len() > 3, "all kinds of frames were exchanged");
    let mut random = Rng::with_seed(1);
    for attempt in 0..ATTEMPTS {
        give_to_worker(&damaged(&recorded.down, attempt, &mut random));
        give_to_manager(&recorded.up, attempt, &mut random);
    }
}

/// A manager that is sent damaged frames loses that worker, with a reason, or gets the answers all the same.
fn give_to_manager(up: &[Vec<u8>], attempt: u64, random: &mut Rng) {
    let network = Network::recording();
    let (executor, mut stepper) = network.pool(options());
    let futures: Vec<Future<Vec<String>>> = (0..3).map(|_| executor.submit(measure::ID, arguments())).collect();
    let mut worker = new_worker();
    let mut stops = false;
    // The worker joins, and some of what it says then is damaged.
    for _ in 0..random.u32(..6) {
        stops |= exchange(&mut stepper, &network, &mut worker);
    }
    let frame = damaged(up, attempt, random);
    let length = frame.len();
    network.answer(WorkerNumber(0), frame.into());
    within_bounds(length, || _ = stepper.step(Duration::ZERO));
    stepper.check();
    for _ in 0..8 {
        stops |= exchange(&mut stepper, &network, &mut worker);
    }
    executor.shutdown(false, false);
    stops |= exchange(&mut stepper, &network, &mut worker);
    // A worker that has said anything else than the truth about its tasks may leave one unanswered; then it is lost.
    let hangs = !stepper.is_finished();
    if hangs {
        network.arrive(Arrival::Lost(WorkerNumber(0), "the test is over".to_owned()));
        stepper.step(Duration::ZERO);
    }
    assert!(stepper.is_finished(), "the pool comes to its end");
    stepper.finish().expect("the transport has nothing against it");
    stops |= work(&network, &mut worker);
    assert!(stops || hangs, "a worker is told to stop, whatever it has said");
    for future in futures {
        assert!(future.done(), "no future is forgotten");
        if let Err(error) = future.result() {
            assert!(!error.message().is_empty(), "an error has a message");
        }
    }
}

/// A worker that is sent damaged frames refuses them, or does what they say.
fn give_to_worker(frame: &[u8]) {
    let mut worker = new_worker();
    let mut answers = Vec::new();
    within_bounds(frame.len(), || _ = worker.take(frame.to_vec().into(), &mut answers));
}

/// Runs something that is given so many bytes, and requires that it takes no unreasonable amount of memory.
fn within_bounds(bytes: usize, run: impl FnOnce()) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    run();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let limit = MEMORY_ANYWAY + MEMORY_PER_BYTE * bytes;
    assert!(taken <= limit, "{bytes} bytes made it take {taken} bytes, more than {limit}");
}

/// A frame that is random, or a good one that is changed or cut.
fn damaged(good: &[Vec<u8>], attempt: u64, random: &mut Rng) -> Vec<u8> {
    if attempt.is_multiple_of(3) {
        let mut frame: Vec<u8> = (0..random.u32(..200)).map(|_| random.u8(..)).collect();
        if let Some(kind) = frame.first_mut() {
            *kind = random.u8(..16);
        }
        return frame;
    }
    let mut frame = good[random.usize(..good.len())].clone();
    if random.u32(..3) == 0 {
        frame.truncate(random.usize(..frame.len()));
    }
    for _ in 0..random.u32(..4) {
        if let Some(last) = frame.len().checked_sub(1) {
            let at = random.usize(..=last);
            // Lengths are the most dangerous: often the highest bits, which make them large.
            frame[at] = [0xff, 0x7f, 0x80, 0, random.u8(..)][random.usize(..5)];
        }
    }
    frame
}

/// The frames of a session without damage.
fn record() -> Recorded {
    let network = Network::recording();
    let (executor, mut stepper) = network.pool(options());
    let good = executor.submit(measure::ID, arguments());
    let bad = executor.submit(measure::ID, (vec![String::new()], Some((7, vec![1, 2]))));
    let chunks = executor.map(measure::ID, vec![arguments(); 5]).chunksize(3).into_iter();
    let mut worker = new_worker();
    for _ in 0..8 {
        exchange(&mut stepper, &network, &mut worker);
    }
    drop(chunks);
    executor.shutdown(false, false);
    exchange(&mut stepper, &network, &mut worker);
    stepper.finish().expect("the transport has nothing against it");
    assert_eq!(good.result().expect("it succeeds"), arguments().0);
    assert_eq!(bad.result().expect_err("it fails").message(), "7");
    network.record()
}

fn arguments() -> (Vec<String>, Option<(u64, Vec<u8>)>) {
    (vec!["some".to_owned(), "text".repeat(20)], None)
}

/// Options that are sent to the workers.
fn options() -> CommonOptions {
    let mut options = CommonOptions::default();
    options.global("name".to_owned(), "value");
    options.initializer(measure::ID, arguments());
    options
}

/// Lets manager and worker deal with what has come; whether the worker stops.
fn exchange(stepper: &mut Stepper, network: &Network, worker: &mut Worker<'static, ManualClock>) -> bool {
    if !stepper.is_finished() {
        stepper.step(Duration::ZERO);
        stepper.check();
    }
    work(network, worker)
}

/// Lets the worker deal with what has come; whether it stops.
fn work(network: &Network, worker: &mut Worker<'static, ManualClock>) -> bool {
    let mut answers = Vec::new();
    let mut stops = false;
    for frame in network.take_all() {
        stops |= worker.take(frame, &mut answers) == Next::Stop;
    }
    answers.into_iter().for_each(|frame| network.answer(WorkerNumber(0), frame));
    stops
}

fn new_worker() -> Worker<'static, ManualClock> {
    network::new_worker(ManualClock::default())
}
