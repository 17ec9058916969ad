//! Executors on communicators for the promises: the root opens them as it needs them, and the other ranks follow.

use futures_mpi::mpi::topology::SimpleCommunicator;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, MpiCommBuilder, MpiCommExecutor};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// What the root asks the others to do.
const OPEN: u8 = 1;
const END: u8 = 2;

/// Opens an executor at the root; the others serve it in a thread of their own, so that several can be there at once.
pub(super) fn open(builder: MpiCommBuilder) -> Result<MpiCommExecutor, Error> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    tell(OPEN);
    let world = SimpleCommunicator::world();
    let communicator = world.duplicate();
    builder.build(&communicator, world.rank()).map(|executor| executor.expect("this is the root"))
}

/// Lets the other ranks go.
pub fn end() {
    tell(END);
}

/// Follows the root until it has ended.
///
/// # Panics
///
/// If a thread of this rank has panicked.
pub fn follow(root: i32) {
    let world = SimpleCommunicator::world();
    let mut threads = Vec::new();
    while hear(&world, root) == OPEN {
        let (said, together) = mpsc::channel();
        // A thread of the program, in which tasks run: with the stack that the main thread has.
        let thread = thread::Builder::new().stack_size(8 << 20);
        let served = thread.spawn(move || {
            let communicator = SimpleCommunicator::world().duplicate();
            said.send(()).expect("the rank waits");
            match MpiCommExecutor::new(&communicator, root) {
                Ok(executor) => assert!(executor.is_none(), "only the root has an executor"),
                Err(error) => assert!(error.message().starts_with("another rank"), "it can be served: {error}"),
            }
        });
        threads.push(served.expect("a thread can be started"));
        // Collective calls on the world follow one another.
        together.recv().expect("the thread says that it has duplicated the world");
    }
    threads.into_iter().for_each(|thread| thread.join().expect("it has served"));
}

fn tell(word: u8) {
    let world = SimpleCommunicator::world();
    let own = world.rank();
    (0..world.size()).filter(|rank| *rank != own).for_each(|rank| world.process_at_rank(rank).send(&word));
}

/// Waits for a word of the root, asleep for most of the time: the cores are for the workers.
fn hear(world: &SimpleCommunicator, root: i32) -> u8 {
    let root = world.process_at_rank(root);
    loop {
        match root.immediate_matched_probe() {
            Some((message, _)) => return message.matched_receive::<u8>().0,
            None => thread::sleep(Duration::from_micros(200)),
        }
    }
}
