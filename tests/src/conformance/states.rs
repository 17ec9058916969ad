//! A future in each of its states: what it answers, what it tells those who wait, and what is left when it is done.

use super::futures::{block_on, wait_until};
use super::gate::{self, Gate, pass};
use super::tasks::*;
use super::{AnyExecutor, LONG, Setting, promises};
use futures_mpi::{Error, Future, ReturnWhen, as_completed, remote_task, wait};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

promises![
    every_state_answers_every_question,
    callbacks_see_every_outcome,
    waiting_threads_hear_of_every_end,
    an_error_without_a_message_is_an_error,
    a_value_with_an_encoding_of_its_own_goes_both_ways,
    exceptions_of_the_codec_say_on_which_side_they_are,
    an_argument_is_dropped_when_its_task_is_done,
];

/// A future in each state; the gate holds what is pending and what runs.
pub(super) struct States {
    pub(super) succeeded: Future<u64>,
    pub(super) failed: Future<u64>,
    pub(super) cancelled: Future<u64>,
    pub(super) running: Future<u64>,
    pub(super) pending: Future<u64>,
    pub(super) gate: Gate,
}

impl States {
    pub(super) fn new(executor: &AnyExecutor) -> Self {
        let succeeded = executor.submit(at_most_ten::ID, 7);
        let failed = executor.submit(at_most_ten::ID, 11);
        wait([&succeeded, &failed], ReturnWhen::AllCompleted, Some(LONG));
        let gate = Gate::new();
        let running = gate.occupy(executor).swap_remove(0);
        let cancelled = executor.submit(pass::ID, (gate.path(), 1));
        assert!(cancelled.cancel());
        let pending = executor.submit(pass::ID, (gate.path(), 2));
        States { succeeded, failed, cancelled, running, pending, gate }
    }
}

fn every_state_answers_every_question(setting: &Setting) {
    let executor = setting.executor();
    let States { succeeded, failed, cancelled, running, pending, gate } = States::new(&executor);
    // Whether it is cancelled, done, and running.
    let table = [
        (&pending, "pending", [false, false, false]),
        (&running, "running", [false, false, true]),
        (&cancelled, "cancelled", [true, true, false]),
        (&failed, "finished", [false, true, false]),
        (&succeeded, "finished", [false, true, false]),
    ];
    for (future, name, answers) in table {
        assert_eq!([future.cancelled(), future.done(), future.running()], answers, "{future:?}");
        assert!(format!("{future:?}").ends_with(&format!("{name})")), "{future:?}");
    }
    for future in [&pending, &running] {
        assert!(future.result_timeout(Duration::ZERO).expect_err("it is not done").is_timeout());
        assert!(future.exception_timeout(Duration::ZERO).expect_err("it is not done").is_timeout());
    }
    let exception = |future: &Future<u64>| future.exception_timeout(Duration::ZERO).expect("it is done");
    assert!(cancelled.result_timeout(Duration::ZERO).expect_err("it was cancelled").is_cancelled());
    assert!(exception(&cancelled).expect("it was cancelled").is_cancelled());
    assert!(failed.result_timeout(Duration::ZERO).expect_err("it has failed").is_task_error());
    assert!(exception(&failed).expect("it has failed").is_task_error());
    assert_eq!(succeeded.result_timeout(Duration::ZERO).expect("it has succeeded"), 7);
    assert!(exception(&succeeded).is_none());
    // To cancel changes what is pending, and nothing else.
    for (future, _, [was_cancelled, was_done, was_running]) in &table[1..] {
        assert_eq!(future.cancel(), *was_cancelled, "{future:?}");
        assert_eq!([future.cancelled(), future.done(), future.running()], [*was_cancelled, *was_done, *was_running]);
    }
    assert!(pending.cancel() && pending.cancelled() && pending.done() && !pending.running());
    gate.open();
    assert_eq!(running.result_timeout(LONG).expect("it was not cancelled"), 0);
}

fn callbacks_see_every_outcome(setting: &Setting) {
    let executor = setting.executor();
    let States { succeeded, failed, cancelled, running, pending, gate } = States::new(&executor);
    let fails = executor.submit(gate::fail_behind::ID, (gate.path(), "too late"));
    let goes = executor.submit(pass::ID, (gate.path(), 3));
    let seen = |future: &Future<u64>| {
        let (sender, outcome) = mpsc::channel();
        future.add_done_callback(move |future| {
            let failure = future.exception().map(|error| error.message().to_owned());
            sender.send((future.done(), future.cancelled(), failure, future.result().ok())).expect("the test waits");
        });
        outcome
    };
    let error = |text: &str| Some(text.to_owned());
    let gone = error("the future was cancelled");
    // What is done already is told in the thread that adds the callback.
    for (future, outcome) in [
        (&succeeded, (true, false, None, Some(7))),
        (&failed, (true, false, error("larger than 10"), None)),
        (&cancelled, (true, true, gone.clone(), None)),
    ] {
        assert_eq!(seen(future).try_recv(), Ok(outcome), "{future:?}");
    }
    let later = [&running, &pending, &fails, &goes].map(seen);
    assert!(later.iter().all(|outcome| outcome.try_recv().is_err()), "they are not done");
    assert!(goes.cancel());
    assert_eq!(later[3].try_recv(), Ok((true, true, gone, None)), "in the thread that cancels");
    gate.open();
    assert_eq!(later[0].recv_timeout(LONG), Ok((true, false, None, Some(0))));
    assert_eq!(later[1].recv_timeout(LONG), Ok((true, false, None, Some(2))));
    assert_eq!(later[2].recv_timeout(LONG), Ok((true, false, error("too late"), None)));
}

/// A way to wait for a future, which gives why it has failed.
type Way = fn(&Future<u64>) -> Option<Error>;

fn waiting_threads_hear_of_every_end(setting: &Setting) {
    let executor = setting.executor();
    for end in ["value", "failure", "cancellation"] {
        let gate = Gate::new();
        let busy = if end == "cancellation" { gate.occupy(&executor) } else { Vec::new() };
        let future = match end {
            "failure" => executor.submit(gate::fail_behind::ID, (gate.path(), "no")),
            _ => executor.submit(pass::ID, (gate.path(), 5)),
        };
        let ways: [Way; 7] = [
            |future| future.result().err(),
            |future| future.result_timeout(LONG).err(),
            |future| future.exception(),
            |future| future.exception_timeout(LONG).expect("it is done in time"),
            |future| wait([future], ReturnWhen::AllCompleted, Some(LONG)).done[0].exception(),
            |future| as_completed([future]).next().expect("there is one").exception(),
            |future| block_on(future.clone()).err(),
        ];
        thread::scope(|scope| {
            let waiting = ways.map(|way| {
                scope.spawn({
                    let future = &future;
                    move || way(future)
                })
            });
            // Most of them wait by then; whoever comes later hears of it all the same.
            thread::sleep(Duration::from_millis(10));
            if end == "cancellation" {
                assert!(future.cancel());
            } else {
                gate.open();
            }
            for heard in waiting.map(|thread| thread.join().expect("it hears of the end")) {
                match end {
                    "value" => assert!(heard.is_none()),
                    "failure" => assert!(heard.expect("it fails").is_task_error()),
                    _ => assert!(heard.expect("it is cancelled").is_cancelled()),
                }
            }
        });
        gate.open();
        assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()));
    }
}

#[remote_task]
fn refuse_silently() -> Result<(), String> {
    Err(String::new())
}

fn an_error_without_a_message_is_an_error(setting: &Setting) {
    let executor = setting.executor();
    let future = executor.submit(refuse_silently::ID, ());
    assert!(future.result_timeout(LONG).expect_err("it fails").is_task_error());
    assert_eq!(future.exception().expect("it fails").message(), "");
    let results = executor.map(refuse_silently::ID, [(); 3]).chunksize(2);
    assert!(results.into_iter().all(|result| result.is_err_and(|error| error.is_task_error())));
    assert_eq!(wait([&future], ReturnWhen::FirstException, Some(LONG)).done.len(), 1);
}

/// A value that notes in which direction it has gone.
#[derive(Debug, PartialEq, Eq)]
struct Traveller {
    name: String,
    journeys: u64,
}

impl Serialize for Traveller {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, self.journeys + 1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Traveller {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, journeys): (String, u64) = Deserialize::deserialize(deserializer)?;
        Ok(Traveller { name, journeys: journeys + 100 })
    }
}

#[remote_task]
fn send_back(traveller: Traveller) -> Traveller {
    traveller
}

#[remote_task]
fn set_out(name: String) -> Traveller {
    Traveller { name, journeys: 0 }
}

fn a_value_with_an_encoding_of_its_own_goes_both_ways(setting: &Setting) {
    let executor = setting.executor();
    let traveller = Traveller { name: "Marco".to_owned(), journeys: 0 };
    let back = executor.submit(send_back::ID, &traveller).result_timeout(LONG).expect("it comes back");
    assert_eq!((back, traveller.journeys), (Traveller { name: traveller.name, journeys: 202 }, 0));
    let there = executor.submit(set_out::ID, "Rustichello").result_timeout(LONG).expect("it comes");
    assert_eq!((&*there.name, there.journeys), ("Rustichello", 101));
}

fn exceptions_of_the_codec_say_on_which_side_they_are(setting: &Setting) {
    let executor = setting.executor();
    let exception = |future: &Future<Touchy>| future.exception().expect("it does not pass the codec");
    let here = executor.submit(take_touchy::ID, Touchy { encodes: false, ..PLACID }).exception().expect("it fails");
    assert!(here.is_codec() && here.worker().is_none(), "{here}");
    let there = executor.submit(take_touchy::ID, Touchy { decodes: false, ..PLACID }).exception().expect("it fails");
    assert!(there.is_codec() && there.worker().is_some(), "{there}");
    let there = exception(&executor.submit(give_touchy::ID, (false, true)));
    assert!(there.is_codec() && there.worker().is_some(), "{there}");
    let here = exception(&executor.submit(give_touchy::ID, (true, false)));
    assert!(here.is_codec() && here.worker().is_none(), "{here}");
}

/// Opens its gate when it is dropped where it has come.
#[derive(Serialize, Deserialize)]
struct Parting {
    gate: PathBuf,
    #[serde(skip)]
    is_at_home: bool,
}

impl Drop for Parting {
    fn drop(&mut self) {
        if !self.is_at_home {
            let _ = std::fs::remove_file(&self.gate);
        }
    }
}

#[remote_task]
fn receive(parting: Parting) -> bool {
    parting.gate.exists()
}

fn an_argument_is_dropped_when_its_task_is_done(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let parting = Parting { gate: gate.path().to_owned(), is_at_home: true };
    let future = executor.submit(receive::ID, &parting);
    assert!(future.result_timeout(LONG).expect("it succeeds"), "it is there while the task runs");
    wait_until(|| gate.is_open());
}
