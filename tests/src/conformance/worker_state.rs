//! The state of workers: made once on each for an executor, lent to its tasks, and nobody else's.

use super::tasks::*;
use super::{Kind, LONG, Setting, promises};
use futures_mpi::{Error, Executor, Future, global, remote_state, remote_task};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

promises![
    a_state_is_made_once_on_each_worker_and_stays_there,
    executors_never_see_the_states_of_others,
    a_state_comes_after_the_initializer_and_reads_named_values,
    a_state_that_cannot_be_made_breaks_its_executor,
    a_state_whose_arguments_cannot_be_encoded_fails_the_build,
    a_task_without_the_state_that_it_needs_says_so,
    a_state_that_a_panic_may_have_changed_is_made_anew,
    a_state_that_cannot_be_made_anew_fails_the_task,
    a_state_is_dropped_with_its_executor,
];

/// A state that can be neither sent nor encoded.
struct Sum {
    mark: u64,
    sum: Rc<Cell<i64>>,
    /// Whether dropping it panics.
    bites: bool,
}

/// Another one.
struct Words(RefCell<Vec<String>>);

/// How often states were dropped in this process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The marks of the states that were made at this worker.
    static MADE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// What initializers have said.
    static SAID: Cell<u64> = const { Cell::new(0) };
}

impl Drop for Sum {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
        assert!(!self.bites, "this panic is part of a test");
    }
}

#[remote_state]
fn sum_from(mark: u64, start: i64) -> Sum {
    MADE.with_borrow_mut(|made| made.push(mark));
    Sum { mark, sum: Rc::new(Cell::new(start)), bites: false }
}

#[remote_state]
fn sum_that_bites() -> Sum {
    Sum { mark: 0, sum: Rc::default(), bites: true }
}

#[remote_state]
fn words(words: &[String]) -> Words {
    Words(RefCell::new(words.to_vec()))
}

#[remote_state]
fn refused(limit: u32) -> Result<Sum, Refusal> {
    Err(Refusal::TooLarge { limit })
}

#[remote_state]
fn panicking(reason: &str) -> Words {
    panic!("{reason}")
}

#[remote_state]
fn touchy(_value: Touchy) -> Words {
    Words(RefCell::default())
}

/// Can be made once on each worker.
#[remote_state]
fn only_once(mark: u64) -> Result<Sum, String> {
    let first = MADE.with_borrow_mut(|made| {
        made.push(mark);
        made.iter().filter(|known| **known == mark).count() == 1
    });
    if first { Ok(Sum { mark, sum: Rc::default(), bites: false }) } else { Err("not twice".to_owned()) }
}

#[remote_state]
fn sum_of_what_was_said() -> Result<Sum, Error> {
    let start = global::<i64>("start")? + SAID.get() as i64;
    Ok(Sum { mark: 0, sum: Rc::new(Cell::new(start)), bites: false })
}

#[remote_task]
fn say(what: u64) {
    SAID.set(what);
}

#[remote_task]
fn add(#[state] sum: &mut Sum, n: i64) -> u64 {
    sum.sum.set(sum.sum.get() + n);
    sum.mark
}

/// The sum, with how often a state of its mark was made here.
#[remote_task]
fn sum_so_far(#[state] sum: &Sum) -> (i64, usize) {
    (sum.sum.get(), MADE.with_borrow(|made| made.iter().filter(|mark| **mark == sum.mark).count()))
}

#[remote_task]
fn add_and_panic(n: i64, #[state] sum: &mut Sum) {
    sum.sum.set(sum.sum.get() + n);
    panic!("this panic is part of a test");
}

#[remote_task]
fn add_and_fail(n: i64, #[state] sum: &mut Sum) -> Result<(), String> {
    sum.sum.set(sum.sum.get() + n);
    Err("it is added".to_owned())
}

#[remote_task]
fn panic_beside(#[state] sum: &Sum) {
    panic!("this panic is part of a test, at {}", sum.mark);
}

#[remote_task]
fn learn(#[state] words: &mut Words, word: String) -> Vec<String> {
    words.0.borrow_mut().push(word);
    words.0.borrow().clone()
}

#[remote_task]
fn dropped() -> u64 {
    DROPPED.load(Ordering::SeqCst)
}

/// A mark that nobody else leaves: workers of a shared pool remember those of all executors.
fn new_mark() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn results<T: serde::de::DeserializeOwned + 'static>(futures: &[Future<T>]) -> Vec<T> {
    futures.iter().map(|future| future.result_timeout(LONG).expect("it succeeds")).collect()
}

fn errors<T: serde::de::DeserializeOwned + std::fmt::Debug + 'static>(futures: &[Future<T>]) -> Vec<Error> {
    futures.iter().map(|future| future.result_timeout(LONG).expect_err("it fails")).collect()
}

fn sums(executor: &Executor) -> Vec<(i64, usize)> {
    results(&executor.everywhere(sum_so_far::ID, ()).expect("there are workers"))
}

fn a_state_is_made_once_on_each_worker_and_stays_there(setting: &Setting) {
    let mark = new_mark();
    let executor = setting.builder().state(sum_from::ID, (mark, 0)).build().expect("it is good");
    let marks: Result<Vec<u64>, Error> = executor.map(add::ID, 1..=200).chunksize(3).into_iter().collect();
    assert_eq!(marks.expect("all succeed"), vec![mark; 200]);
    let futures: Vec<_> = (1..=100).map(|n| executor.submit(add::ID, n)).collect();
    assert_eq!(results(&futures), vec![mark; 100]);
    let sums = sums(&executor);
    assert_eq!(sums.iter().map(|(sum, _)| sum).sum::<i64>(), 200 * 201 / 2 + 100 * 101 / 2, "{sums:?}");
    assert!(sums.iter().all(|(_, made)| *made == 1) && sums.len() == setting.workers, "{sums:?}");
}

fn executors_never_see_the_states_of_others(setting: &Setting) {
    let marks = [new_mark(), new_mark()];
    let build = |mark: u64| setting.builder().state(sum_from::ID, (mark, 0)).build().expect("it is good");
    let executors = marks.map(build);
    let other = setting.builder().state(words::ID, ["a".to_owned()].as_slice()).build().expect("it is good");
    let futures: Vec<_> = (0..200).map(|n| executors[n % 2].submit(add::ID, 1 + (n % 2) as i64)).collect();
    let learnt = other.submit(learn::ID, "b").result_timeout(LONG).expect("it succeeds");
    assert_eq!(learnt, ["a", "b"]);
    assert_eq!(results(&futures), (0..200).map(|n| marks[n % 2]).collect::<Vec<_>>());
    for (executor, of_each) in executors.iter().zip([1, 2]) {
        assert_eq!(sums(executor).iter().map(|(sum, _)| sum).sum::<i64>(), 100 * of_each);
    }
}

fn a_state_comes_after_the_initializer_and_reads_named_values(setting: &Setting) {
    let builder = setting.builder().state(sum_of_what_was_said::ID, ()).initializer(say::ID, 40).global("start", &2i64);
    let executor = builder.build().expect("it is good");
    assert!(sums(&executor).iter().all(|(sum, _)| *sum == 42));
}

fn a_state_that_cannot_be_made_breaks_its_executor(setting: &Setting) {
    let refused = setting.builder().state(refused::ID, 3).build().expect("it is good");
    let error = refused.submit(square::ID, 1).result_timeout(LONG).expect_err("it is broken");
    assert!(error.is_broken() && error.message() == "the state cannot be made: larger than 3", "{error}");
    assert!(error.task().is_some_and(|task| task.ends_with("worker_state::refused")), "{error}");
    assert!(error.worker().is_some_and(|worker| worker < setting.workers), "{error}");
    assert!(refused.num_workers().expect_err("it is broken").message().contains("larger than 3"));
    let builder = setting.builder().state(panicking::ID, "no model").initializer(say::ID, 1);
    let error = builder.build().expect("it is good").bootup(true).expect_err("it is broken");
    assert!(error.is_broken() && error.message() == "the state cannot be made: no model", "{error}");
    assert!(error.location().is_some_and(|place| place.contains("worker_state.rs:")), "{error}");
    super::errors::assert_works(&setting.executor());
}

fn a_state_whose_arguments_cannot_be_encoded_fails_the_build(setting: &Setting) {
    let built = setting.builder().state(touchy::ID, Touchy { encodes: false, ..PLACID }).build();
    let error = built.err().expect("it cannot be encoded");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().starts_with("state: ") && error.message().contains("I stay here"), "{error}");
    let touchy = setting.builder().state(touchy::ID, Touchy { decodes: false, ..PLACID });
    let error = touchy.build().expect("it is encoded").bootup(true).expect_err("it cannot be decoded");
    assert!(error.is_broken() && error.message().contains("I do not want to arrive"), "{error}");
}

fn a_task_without_the_state_that_it_needs_says_so(setting: &Setting) {
    let plain = setting.executor();
    for error in errors(&plain.everywhere(add::ID, 1).expect("there are workers")) {
        assert!(error.is_configuration(), "{error}");
        assert!(error.message().contains("needs a state of type "), "{error}");
        assert!(error.message().contains("worker_state::Sum, and its executor has no state"), "{error}");
    }
    super::errors::assert_works(&plain);
    drop(plain);
    let other = setting.builder().state(words::ID, &[][..]).build().expect("it is good");
    for error in errors(&other.everywhere(add::ID, 1).expect("there are workers")) {
        assert!(error.is_configuration(), "{error}");
        for part in ["needs a state of type ", "worker_state::Sum, and", "worker_state::words, is of type ", "::Words"]
        {
            assert!(error.message().contains(part), "{part} is not in: {error}");
        }
    }
    let learnt = other.everywhere(learn::ID, "a").expect("there are workers");
    assert_eq!(results(&learnt), vec![["a"]; setting.workers], "the state is still there");
}

fn a_state_that_a_panic_may_have_changed_is_made_anew(setting: &Setting) {
    let mark = new_mark();
    let executor = setting.builder().state(sum_from::ID, (mark, 10)).build().expect("it is good");
    let everywhere = |n: i64| results(&executor.everywhere(add::ID, n).expect("there are workers"));
    assert_eq!(everywhere(5), vec![mark; setting.workers]);
    let failed = executor.everywhere(add_and_fail::ID, 1).expect("there are workers");
    assert!(errors(&failed).iter().all(Error::is_task_error));
    let beside = executor.everywhere(panic_beside::ID, ()).expect("there are workers");
    assert!(errors(&beside).iter().all(Error::is_panic));
    assert_eq!(sums(&executor), vec![(16, 1); setting.workers], "it stays as it is");
    let spoilt = executor.everywhere(add_and_panic::ID, 100).expect("there are workers");
    assert!(errors(&spoilt).iter().all(Error::is_panic));
    assert_eq!(sums(&executor), vec![(10, 2); setting.workers], "it is a new one");
    // Within a chunk, too.
    let chunk = executor.map(add_and_panic::ID, [1, 2, 3]).chunksize(3).into_iter();
    assert!(chunk.map(|result| result.expect_err("it panics")).all(|error| error.is_panic()));
    assert_eq!(sums(&executor).iter().map(|(sum, made)| sum + *made as i64).max(), Some(10 + 5));
}

fn a_state_that_cannot_be_made_anew_fails_the_task(setting: &Setting) {
    let executor = setting.builder().state(only_once::ID, new_mark()).build().expect("it is good");
    assert!(errors(&executor.everywhere(add_and_panic::ID, 1).expect("there are workers")).iter().all(Error::is_panic));
    for _ in 0..2 {
        for error in errors(&executor.everywhere(add::ID, 1).expect("there are workers")) {
            let wanted = "the state cannot be made anew after a panic: not twice";
            assert!(error.is_task_error() && error.message() == wanted, "{error}");
        }
    }
    super::errors::assert_works(&executor);
}

fn a_state_is_dropped_with_its_executor(setting: &Setting) {
    let before = DROPPED.load(Ordering::SeqCst);
    for bites in [false, true] {
        let builder = setting.builder();
        let builder = if bites { builder.state(sum_that_bites::ID, ()) } else { builder.state(sum_from::ID, (0, 0)) };
        let executor = builder.build().expect("it is good");
        assert_eq!(sums(&executor).len(), setting.workers);
    }
    if setting.kind == Kind::Threads {
        assert_eq!(DROPPED.load(Ordering::SeqCst) - before, 2 * setting.workers as u64);
    } else if setting.shares_a_pool() {
        // A message says so, which comes before any task of a later executor.
        let later = setting.executor();
        let counts = results(&later.everywhere(dropped::ID, ()).expect("there are workers"));
        assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
    }
}
