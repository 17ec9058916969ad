//! Runs of the simulator: many seeds, one seed, the same seed twice, and a soak by `SIM_SEEDS`.

use futures_mpi_tests::simulator::{
    Tally, Tiny, busy_share, explore, few_beside_many, limited_load, mixed_load, simulate,
};
use std::env;

/// So many seeds are run if nobody says otherwise.
const SEEDS: u64 = 1000;

#[test]
fn seeds() {
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("SIM_FIRST").unwrap_or(0);
    let mut tally = Tally::default();
    for seed in first..first + count {
        match simulate(seed) {
            Ok(report) => tally += report.tally,
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{count} seeds: {tally:?}");
    let Tally { values, failures, cancelled, lost, late, refused, broken, dropped, replaced, returned, taken_along } =
        tally;
    let kinds = [values, failures, cancelled, lost, late, refused, broken, dropped, replaced, returned, taken_along];
    let all_kinds = kinds.iter().all(|count| *count > 0);
    assert!(count < SEEDS || all_kinds, "not everything that can happen has happened: {tally:?}");
}

#[test]
fn one_seed() {
    let seed = number("SIM_SEED").unwrap_or(1);
    match simulate(seed) {
        Ok(report) => println!("{}{:?} in {} ns", report.trace, report.tally, report.nanos),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_seed_gives_the_same_trace_twice() {
    for seed in 0..20 {
        let trace = || simulate(seed).unwrap_or_else(|failure| panic!("{failure}")).trace;
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn every_order_of_short_calls_in_a_tiny_pool() {
    every_order(0);
}

#[test]
fn every_order_of_long_calls_in_a_tiny_pool() {
    every_order(1_000_000);
}

/// Two workers, three calls of two clients, a cancellation, a death, a shutdown.
fn every_order(nanos: u64) {
    let calls = vec![2, 1];
    let (cancelled, killed, shut_down) = (vec![1], vec![1], vec![(0, true)]);
    let tiny = Tiny { workers: 2, calls, nanos, cancelled, killed, replaced: false, shut_down, slow: vec![], looks: 0 };
    explore_more_ends_than(400, &tiny);
}

/// The only worker dies, and another comes in its place: nobody notices but the call that it had.
#[test]
fn every_order_of_a_death_and_a_replacement_in_a_tiny_pool() {
    let (cancelled, killed, shut_down) = (vec![1], vec![0], vec![(0, true)]);
    let tiny = Tiny {
        workers: 1,
        calls: vec![2, 1],
        nanos: 0,
        cancelled,
        killed,
        replaced: true,
        shut_down,
        slow: vec![],
        looks: 0,
    };
    explore_more_ends_than(100, &tiny);
}

/// Calls that were sent ahead of others come back, at any time, while their worker begins them, and one of them is
/// cancelled.
#[test]
fn every_order_of_calls_that_come_back_in_a_tiny_pool() {
    let (cancelled, slow) = (vec![3], vec![0]);
    let (killed, shut_down) = (vec![], vec![]);
    let tiny =
        Tiny { workers: 2, calls: vec![4], nanos: 0, cancelled, killed, replaced: false, shut_down, slow, looks: 1 };
    explore_more_ends_than(10, &tiny);
}

/// The same, and the worker dies.
#[test]
fn every_order_of_calls_that_come_back_from_a_worker_that_dies() {
    let (cancelled, killed, slow) = (vec![], vec![0], vec![]);
    let shut_down = vec![(0, true)];
    let tiny =
        Tiny { workers: 2, calls: vec![4], nanos: 0, cancelled, killed, replaced: false, shut_down, slow, looks: 1 };
    explore_more_ends_than(10, &tiny);
}

/// Searches all states of a tiny pool, which must have more ways to end than these.
fn explore_more_ends_than(ends: usize, tiny: &Tiny) {
    let explored = explore(tiny).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{explored:?}");
    assert!(explored.ends > ends, "there are more ways to end: {explored:?}");
}

/// Ten calls of one executor beside very many of another: both take turns, so that on four workers half of the places
/// are for the ten, and each worker has one call ahead.
#[test]
fn a_long_queue_delays_nobody_else() {
    let queued = number("SIM_QUEUED").unwrap_or(100_000);
    let long = few_beside_many(queued, 1_000_000).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("ten calls of 1 ms beside {queued} are done after {} ns", long);
    assert!(long < 9_000_000, "the last of ten calls of 1 ms was done after {long} ns");
    // Short calls are sent ahead of their execution, by about 0.5 ms.
    let short = few_beside_many(queued, 2_000).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("ten calls of 2 us beside {queued} are done after {} ns", short);
    assert!(short < 1_000_000, "the last of ten calls of 2 us was done after {short} ns");
}

/// One call in a hundred takes a thousand times as long, and is one of another function or of the same.
#[test]
fn a_mixed_load_ends_within_a_tenth_of_the_best_schedule() {
    let calls = number("SIM_MIXED").unwrap_or(10_000);
    for own_function in [true, false] {
        for workers in [1, 2, 4, 8] {
            let (taken, best) = mixed_load(workers, calls, own_function).unwrap_or_else(|wrong| panic!("{wrong}"));
            let ratio = taken as f64 / best as f64;
            println!("{workers} workers, long calls of their own function {own_function}: {ratio:.3} of the best");
            assert!(ratio <= 1.1, "{workers} workers take {taken} ns where {best} ns would do");
        }
    }
}

/// What is sent ahead follows the time that messages take: workers that are far away are about as busy as near ones.
#[test]
fn workers_that_are_far_away_are_busy() {
    for (nanos, calls) in [(2_000, 80_000), (100_000, 10_000), (1_000_000, 2_000)] {
        for round_trip in [0, 100_000, 1_000_000, 10_000_000] {
            let share = busy_share(round_trip, nanos, calls).unwrap_or_else(|wrong| panic!("{wrong}"));
            println!("calls of {nanos} ns, round trip {round_trip} ns: busy for {share:.3} of the time");
            assert!(share >= 0.85, "calls of {nanos} ns with a round trip of {round_trip} ns: {share:.3}");
        }
    }
}

/// The limit of a call says nothing about those that its worker has to do first.
#[test]
fn what_is_sent_ahead_has_all_the_time_that_it_is_allowed() {
    for nanos in [10_000, 300_000, 5_000_000] {
        let tally = |limit_nanos| limited_load(50, nanos, limit_nanos).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(tally(nanos + 200_000).late, 0, "calls of {nanos} ns");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}
