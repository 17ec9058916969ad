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
