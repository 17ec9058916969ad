//! What programs rely on without calling it: which public types can be shared, sent, printed and compared.

use futures_mpi::{
    AsCompleted, AsCompletedStream, AsCompletedTimeout, Buffer, Call, CancelOnDrop, Cbor, DoneAndNotDone, Error,
    Executor, Future, Map, MapIter, MapStream, MpiCommBuilder, MpiCommExecutor, MpiPoolBuilder, MpiPoolExecutor,
    ReturnWhen, StateId, TaskId, ThreadPoolBuilder, ThreadPoolExecutor, WorkersCommunicator, remote_task,
};
use std::collections::HashSet;
use std::fmt::Debug;
use std::ops::Range;

type Squares = Map<(u64,), u64, Range<u64>>;
type SquaresIter = MapIter<(u64,), u64, Range<u64>>;

/// Whether maps that yield more can be sent, which have types without a name.
fn sent_value<T: Send + Debug>(_: T) {}

const fn shared<T: Send + Sync + Debug>() {}
const fn sent<T: Send + Debug>() {}
const fn printed<T: Debug>() {}

// Checked when this file is compiled.
const _: () = {
    shared::<Buffer<f64>>();
    shared::<Call<(u64,), u64>>();
    shared::<CancelOnDrop<u64>>();
    shared::<Cbor<u64>>();
    shared::<Error>();
    shared::<Executor>();
    shared::<Future<u64>>();
    shared::<MpiPoolBuilder>();
    shared::<MpiPoolExecutor>();
    shared::<ReturnWhen>();
    shared::<StateId<(u64,), u64>>();
    shared::<TaskId<(u64,), u64>>();
    shared::<ThreadPoolBuilder>();
    shared::<ThreadPoolExecutor>();
    shared::<DoneAndNotDone<u64>>();
    sent::<AsCompleted<u64>>();
    sent::<AsCompletedStream<u64>>();
    sent::<AsCompletedTimeout<u64>>();
    sent::<MapStream<(u64,), u64, Range<u64>>>();
    sent::<Squares>();
    sent::<SquaresIter>();
    printed::<MpiCommBuilder>();
    printed::<MpiCommExecutor>();
    printed::<WorkersCommunicator>();
};

/// An id can be shared whatever its task takes and gives.
const _: () = shared::<TaskId<(std::rc::Rc<u64>,), *const u8>>();

#[remote_task(id = "tests/public_types/square")]
fn square(n: u64) -> u64 {
    n * n
}

#[remote_task]
fn cube(n: u64) -> u64 {
    n * n * n
}

#[test]
fn ids_are_equal_by_their_names() -> Result<(), Error> {
    let found = TaskId::find("tests/public_types/square")?;
    assert_eq!(found, square::ID);
    assert_ne!(cube::ID, square::ID);
    assert_eq!(HashSet::from([square::ID, found, cube::ID]).len(), 2);
    Ok(())
}

#[test]
fn calls_and_maps_print_the_task_and_what_is_set() -> Result<(), Error> {
    let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
    let text = format!("{:?}", executor.call(square::ID).retries(3));
    assert!(text.starts_with("Call { function: TaskId(tests/public_types/square)"), "{text}");
    let map = executor.map(square::ID, 0..3).chunksize(2);
    let text = format!("{map:?}");
    assert!(text.contains("tests/public_types/square") && text.contains("chunksize: Some(2)"), "{text}");
    sent_value(executor.map(square::ID, 0..3).indexed().with_items());
    sent_value(executor.map(square::ID, 0..3).with_items().into_iter());
    let text = format!("{:?}", map.into_iter());
    assert!(text.starts_with("MapIter(tests/public_types/square, "), "{text}");
    Ok(())
}
