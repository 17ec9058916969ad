//! The right value or an error: what becomes of one value in a chunk concerns no other.

use super::errors::assert_works;
use super::{LONG, Setting, promises};
use futures_mpi::{Buffer, ReturnWhen, remote_task, wait};
use serde::{Deserialize, Serialize};
use std::panic::{self, AssertUnwindSafe};

promises![
    an_argument_that_panics_when_it_is_decoded_costs_its_own_call,
    an_argument_that_cannot_be_decoded_leaves_the_buffers_of_others_alone,
    each_result_of_a_chunk_has_its_own_outcome,
    waiting_for_a_failure_decodes_no_result,
    a_field_that_is_left_out_is_refused_and_costs_nobody_else,
    a_value_that_is_read_as_something_else_fails_alone,
    variants_arrive_as_what_they_are_called,
    a_type_that_describes_itself_is_refused_with_the_way_out,
    values_that_are_nested_too_deep_are_refused,
    tasks_have_a_stack_of_eight_mebibytes,
];

/// A time in seconds; which one is checked when it is decoded, by a panic if it is negative, else by an error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
struct Seconds(f64);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        assert!(seconds >= 0.0, "{seconds} s is negative");
        if seconds < 1000.0 { Ok(Seconds(seconds)) } else { Err(format!("{seconds} s is too long")) }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> f64 {
        seconds.0
    }
}

#[remote_task]
fn with_label(label: String, time: Seconds, id: u64) -> (String, f64, u64) {
    (label, time.0, id)
}

#[remote_task]
fn give_seconds(seconds: f64) -> Seconds {
    Seconds(seconds)
}

#[remote_task]
fn sum_after(time: Seconds, buffer: Buffer<u64>) -> (f64, u64) {
    (time.0, buffer.iter().sum())
}

/// Times of which one panics and another one is an error.
fn times() -> Vec<f64> {
    (0..11).map(|n| [f64::from(n), -1.0, 5000.0][usize::from(n == 2) + 2 * usize::from(n == 7)]).collect()
}

/// Checks an outcome of the call for the time `seconds`.
fn check<T>(seconds: f64, result: Result<T, futures_mpi::Error>) -> Option<T> {
    match result {
        Ok(value) => {
            assert!((0.0..1000.0).contains(&seconds), "{seconds} s is not refused");
            Some(value)
        }
        Err(error) if seconds < 0.0 => {
            assert!(error.is_panic() && error.message() == "-1 s is negative", "{error}");
            None
        }
        Err(error) => {
            assert!(seconds == 5000.0 && error.is_codec(), "{seconds} s: {error}");
            assert!(error.message().contains("5000 s is too long"), "{error}");
            None
        }
    }
}

fn an_argument_that_panics_when_it_is_decoded_costs_its_own_call(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 2, 3, 8, 20] {
        let items = times().into_iter().zip(0u64..).map(|(time, n)| ("label".repeat(n as usize), Seconds(time), n));
        let results: Vec<_> = executor.starmap(with_label::ID, items).chunksize(chunksize).into_iter().collect();
        assert_eq!(results.len(), times().len());
        for ((time, n), result) in times().into_iter().zip(0u64..).zip(results) {
            if let Some(value) = check(time, result) {
                assert_eq!(value, ("label".repeat(n as usize), time, n), "in chunks of {chunksize}");
            }
        }
    }
    assert_works(&executor);
}

fn an_argument_that_cannot_be_decoded_leaves_the_buffers_of_others_alone(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 4, 20] {
        // Too large to travel among the encoded bytes.
        let items = times().into_iter().zip(0u64..).map(|(time, n)| (Seconds(time), Buffer::from(vec![n; 1000])));
        let results = executor.starmap(sum_after::ID, items).chunksize(chunksize);
        for ((time, n), result) in times().into_iter().zip(0u64..).zip(results) {
            if let Some(value) = check(time, result) {
                assert_eq!(value, (time, 1000 * n), "in chunks of {chunksize}");
            }
        }
    }
    assert_works(&executor);
}

fn each_result_of_a_chunk_has_its_own_outcome(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 3, 20] {
        for unordered in [false, true] {
            let map = executor.map(give_seconds::ID, times()).chunksize(chunksize);
            let mut results = if unordered { map.unordered() } else { map }.into_iter();
            let (mut values, mut panics) = (Vec::new(), 0);
            // A panic in decoding is one of the program that asks, which may go on asking.
            loop {
                match panic::catch_unwind(AssertUnwindSafe(|| results.next())) {
                    Ok(Some(result)) => values.push(result.map(|time| time.0).unwrap_or_else(|error| {
                        assert!(error.is_codec() && error.message().contains("5000 s is too long"), "{error}");
                        5000.0
                    })),
                    Ok(None) => break,
                    Err(_) => panics += 1,
                }
            }
            if unordered {
                values.sort_by(f64::total_cmp);
            }
            let mut expected: Vec<f64> = times().into_iter().filter(|time| *time >= 0.0).collect();
            if unordered {
                expected.sort_by(f64::total_cmp);
            }
            assert_eq!((values, panics), (expected, 1), "in chunks of {chunksize}, unordered: {unordered}");
        }
    }
    assert_works(&executor);
}

fn waiting_for_a_failure_decodes_no_result(setting: &Setting) {
    let executor = setting.executor();
    let futures = [-1.0, 5000.0, 1.0].map(|time| executor.submit(give_seconds::ID, time));
    let waited = wait(&futures, ReturnWhen::FirstException, Some(LONG));
    assert_eq!((waited.done.len(), waited.not_done.len()), (3, 0), "no call has failed, whatever it has returned");
    assert!(panic::catch_unwind(AssertUnwindSafe(|| futures[0].result())).is_err());
    assert!(futures[1].result().is_err_and(|error| error.is_codec()) && futures[2].result().is_ok());
    assert_works(&executor);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Job {
    id: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

#[remote_task]
fn job_id(job: Job) -> u32 {
    job.id
}

#[remote_task]
fn make_job(id: u32, tags: Vec<String>) -> Job {
    Job { id, tags }
}

fn a_field_that_is_left_out_is_refused_and_costs_nobody_else(setting: &Setting) {
    let executor = setting.executor();
    let tags = |n: u32| vec!["tag".to_owned(); usize::from(n.is_multiple_of(3))];
    for chunksize in [1, 4, 20] {
        let jobs = (0..10).map(|id| Job { id, tags: tags(id) });
        let ids: Vec<_> = executor.map(job_id::ID, jobs).chunksize(chunksize).into_iter().collect();
        let made = executor.starmap(make_job::ID, (0..10).map(|id| (id, tags(id)))).chunksize(chunksize);
        let made: Vec<_> = made.into_iter().map(|job| job.map(|job| job.id)).collect();
        for results in [ids, made] {
            assert_eq!(results.len(), 10);
            for (id, result) in (0..).zip(results) {
                match result {
                    Ok(value) => assert!(value == id && id.is_multiple_of(3), "job {id} is {value}"),
                    Err(error) => {
                        assert!(error.is_codec() && !id.is_multiple_of(3), "{error}");
                        assert!(error.message().contains("the field `tags` of `Job` is left out"), "{error}");
                    }
                }
            }
        }
    }
    assert_works(&executor);
}

/// A value without bytes on its way, though one that it is read as takes some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
struct Unsent {
    #[serde(skip_serializing, default)]
    limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Account {
    #[serde(skip_deserializing)]
    id: String,
    name: String,
    #[serde(skip_serializing)]
    password: String,
}

#[remote_task]
fn limit_of(unsent: Unsent) -> Option<u32> {
    unsent.limit
}

#[remote_task]
fn name_of(account: Account) -> String {
    account.name
}

fn a_value_that_is_read_as_something_else_fails_alone(setting: &Setting) {
    let executor = setting.executor();
    let account = Account { id: "7".to_owned(), name: "n".to_owned(), password: "p".to_owned() };
    for chunksize in [1, 10] {
        let limits = executor.map(limit_of::ID, vec![Unsent::default(); 10]).chunksize(chunksize);
        let failed = limits.into_iter().filter(|limit| limit.as_ref().is_err_and(|error| error.is_codec())).count();
        assert_eq!(failed, 10, "in chunks of {chunksize}");
        let names = executor.map(name_of::ID, vec![account.clone(); 3]).chunksize(chunksize);
        assert!(names.into_iter().all(|name| name.is_err_and(|error| error.is_codec())));
        assert_works(&executor);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Command {
    #[serde(skip)]
    #[allow(dead_code)]
    Local,
    Add(u32),
    #[serde(skip_deserializing)]
    Old,
    Remove(u32),
    List,
}

#[remote_task]
fn same_command(command: Command) -> Command {
    command
}

fn variants_arrive_as_what_they_are_called(setting: &Setting) {
    let executor = setting.executor();
    let commands = [Command::Add(3), Command::Old, Command::Remove(4), Command::Local, Command::List];
    for chunksize in [1, 5] {
        let results = executor.map(same_command::ID, &commands).chunksize(chunksize);
        for (command, result) in commands.iter().zip(results) {
            match command {
                Command::Local | Command::Old => assert!(result.is_err_and(|error| error.is_codec())),
                command => assert_eq!(result.as_ref().ok(), Some(command)),
            }
        }
    }
    assert_works(&executor);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Input {
    Number(u32),
    Text(String),
}

#[remote_task]
fn same_input(input: Input) -> Input {
    input
}

fn a_type_that_describes_itself_is_refused_with_the_way_out(setting: &Setting) {
    let executor = setting.executor();
    for input in [Input::Number(1), Input::Text("x".to_owned())] {
        let error = executor.submit(same_input::ID, input).result_timeout(LONG).expect_err("it cannot be read");
        assert!(error.is_codec() && error.message().contains("Input"), "{error}");
        assert!(error.message().contains("untagged") && error.message().contains("what-can-travel"), "{error}");
    }
    assert_works(&executor);
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Node {
    value: u64,
    next: Option<Box<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

fn chain(length: u64) -> Node {
    (1..length).fold(Node { value: 0, next: None }, |next, value| Node { value, next: Some(Box::new(next)) })
}

#[remote_task]
fn length_of(node: Node) -> usize {
    std::iter::successors(Some(&node), |node| node.next.as_deref()).count()
}

#[remote_task]
fn make_chain(length: u64) -> Node {
    chain(length)
}

fn values_that_are_nested_too_deep_are_refused(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(length_of::ID, chain(500)).result_timeout(LONG).expect("that is not too deep"), 500);
    let made = executor.submit(make_chain::ID, 500);
    // In a thread, whose stack is smaller than that of the main one.
    let value = std::thread::scope(|scope| scope.spawn(|| made.result().map(|node| node.value)).join());
    assert_eq!(value.expect("it does not panic").expect("that is not too deep"), 499);
    for length in [1000, 200_000] {
        let errors = [
            executor.submit(length_of::ID, chain(length)).result_timeout(LONG).map(drop),
            executor.submit(make_chain::ID, length).result_timeout(LONG).map(drop),
        ];
        for error in errors.map(|result| result.expect_err("it is too deep")) {
            assert!(error.is_codec() && error.message().contains("more than 512 levels deep"), "{error}");
        }
    }
    assert_works(&executor);
}

#[inline(never)]
fn frames(count: usize) -> usize {
    let room = [count as u8; 4096];
    if count == 0 { 0 } else { 1 + frames(count - 1) + usize::from(std::hint::black_box(room)[0] == 0 && count == 1) }
}

#[remote_task]
fn use_stack(kib: usize) -> usize {
    frames(kib / 4)
}

fn tasks_have_a_stack_of_eight_mebibytes(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(use_stack::ID, 6000).result_timeout(LONG).expect("there is room for it"), 1500);
}
