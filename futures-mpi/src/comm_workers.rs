//! The communicator of a pool's workers, for tasks that work together.

use crate::sys::{Communicator, MpiError};
use futures_mpi_core::engine::{self, Kind};
use futures_mpi_core::{Error, Result};
use mpi::topology::SimpleCommunicator;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::rc::Rc;

/// The communicator of the workers of a pool, as [`get_comm_workers`] gives it.
///
/// It dereferences to a communicator of the [`mpi`] crate, whose traits are in `futures_mpi::mpi::traits`; functions
/// that take `&impl Communicator` take `&*comm`. It contains exactly the workers, not the master; ranks are the numbers
/// of the workers from 0. Nothing else uses it, and its errors end the job, as the `mpi` crate expects. It is freed by
/// the pool, not by this value; what it is used for must end with the task.
pub struct WorkersCommunicator {
    group: Rc<Group>,
}

/// Returns, inside a task, the communicator of the workers of its pool.
///
/// With it the calls of a *parallel task* work together. The rules:
///
/// - Submit exactly one call for each worker ([`num_workers`](crate::Executor::num_workers) tells how many there are).
/// - Each call gets the communicator and begins with a barrier: when it is passed, every worker is in its call.
/// - Let none of them be retried alone (`retries`): it would wait for calls that are over.
/// - Wait for all of them before their results are used, with [`wait`](crate::wait()).
///
/// Then each worker gets one of the calls: a call whose function has used this communicator is given to an idle worker
/// only, and has that worker for itself. Other tasks of the same executor may be under way meanwhile; they delay it, no
/// more. But two parallel tasks must not be under way at once from *different* executors of one pool: their calls are
/// given out in turn, and each would wait for workers that the other has.
///
/// Where there is a communicator: on spawned workers, in command line mode, and under
/// [`MpiCommExecutor`](crate::MpiCommExecutor), where with a communicator of size one it contains this process alone;
/// and in a group of service mode.
///
/// # Errors
///
/// One for which [`Error::is_worker_lost`] holds, for good, once a worker of the pool is lost, whether or not it was
/// [replaced](crate::MpiPoolBuilder::replace_lost_workers); a call that has begun before waits for the lost one
/// forever. One for which [`Error::is_configuration`] holds outside of a task, in threads that a task has started, in
/// tasks of a [`ThreadPoolExecutor`](crate::ThreadPoolExecutor), whose workers are not processes, and below
/// `MPI_THREAD_SERIALIZED` on a communicator of size one, whose tasks do not run in the thread that may call MPI.
///
/// # Examples
///
/// ```no_run
/// use futures_mpi::mpi::collective::SystemOperation;
/// use futures_mpi::mpi::traits::*;
/// use futures_mpi::{Error, MpiPoolExecutor, ReturnWhen, get_comm_workers, remote_task, wait};
///
/// #[remote_task]
/// fn sum_over_workers(value: f64) -> Result<f64, Error> {
///     let comm = get_comm_workers()?;
///     comm.barrier();
///     let mut sum = 0.0;
///     comm.all_reduce_into(&(value * f64::from(comm.rank())), &mut sum, SystemOperation::sum());
///     Ok(sum)
/// }
///
/// #[futures_mpi::main]
/// fn main() -> Result<(), Error> {
///     let executor = MpiPoolExecutor::new()?;
///     let calls = executor.num_workers()?;
///     let futures: Vec<_> = (0..calls).map(|_| executor.submit(sum_over_workers::ID, 0.5)).collect();
///     wait(&futures, ReturnWhen::AllCompleted, None);
///     println!("{}", futures[0].result()?);
///     Ok(())
/// }
/// ```
pub fn get_comm_workers() -> Result<WorkersCommunicator> {
    let group = GROUP.try_with(|group| group.borrow().clone()).ok().flatten().ok_or_else(|| {
        if BROKEN.get() {
            return Error::new(
                Kind::WorkerLost,
                "the workers of this pool no longer have a communicator: one of them is lost, and every collective \
                 call would wait for it forever. Open another executor for parallel tasks",
            );
        }
        Error::new(
            Kind::Configuration,
            "there is no communicator of workers here: `get_comm_workers` is for tasks that run on MPI processes, and is \
             called in the thread in which the task runs",
        )
    })?;
    engine::require_exclusive_worker();
    Ok(WorkersCommunicator { group })
}

thread_local! {
    /// The workers of the pool that this thread serves.
    static GROUP: RefCell<Option<Rc<Group>>> = const { RefCell::new(None) };

    /// Whether there is none because a worker of that pool is lost.
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// A communicator of workers in both its forms.
pub(crate) struct Group {
    communicator: Communicator,
    lent: ManuallyDrop<SimpleCommunicator>,
}

/// Divides the processes of a pool's communicator: the workers, which are all but the master, get a communicator of
/// their own. Collective.
pub(crate) fn divide(pool: Communicator, is_master: bool) -> Result<Option<Communicator>, MpiError> {
    let workers = pool.split(!is_master)?;
    workers.map(fatal).transpose()
}

/// A communicator of workers that are all processes of `communicator`. Collective.
pub(crate) fn all_of(communicator: Communicator) -> Result<Communicator, MpiError> {
    communicator.duplicate().and_then(fatal)
}

/// The `mpi` crate looks at no return code: with any other handler errors would pass unseen.
fn fatal(workers: Communicator) -> Result<Communicator, MpiError> {
    workers.errors_are_fatal()?;
    Ok(workers)
}

/// Gives the tasks that this thread runs from now on a communicator of their workers, for good.
pub(crate) fn enter(workers: Communicator) {
    GROUP.set(Some(Group::new(workers)));
}

/// Takes the communicator from the tasks that this thread runs from now on: not all of its processes are there any
/// more.
pub(crate) fn break_up() {
    // It is not freed, which would be for all of them together.
    GROUP.set(None);
    BROKEN.set(true);
}

/// Gives the tasks that this thread runs within `body` a communicator of their workers; then puts back what was there.
///
/// Gives the communicator back, unless a task has kept it: then it may not be freed.
pub(crate) fn within<T>(workers: Communicator, body: impl FnOnce() -> T) -> (T, Option<Communicator>) {
    let before = (GROUP.replace(Some(Group::new(workers))), BROKEN.replace(false));
    let result = body();
    let group = GROUP.replace(before.0);
    BROKEN.set(before.1);
    let unused = group.and_then(Rc::into_inner).map(|group| group.communicator);
    (result, unused)
}

impl Group {
    fn new(communicator: Communicator) -> Rc<Self> {
        Rc::new(Group { communicator, lent: communicator.lend() })
    }
}

impl Deref for WorkersCommunicator {
    type Target = SimpleCommunicator;

    fn deref(&self) -> &SimpleCommunicator {
        &self.group.lent
    }
}

impl fmt::Debug for WorkersCommunicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkersCommunicator").finish_non_exhaustive()
    }
}
