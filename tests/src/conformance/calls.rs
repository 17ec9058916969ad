//! Submitting calls: arguments go there, results come back, and each call is made once.

use super::futures::wait_until;
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Future, TaskId};
use std::collections::BTreeSet;
use std::path::Path;

promises![
    a_call_returns_what_the_function_returns,
    a_function_stays_an_ordinary_function,
    a_lone_argument_needs_no_tuple,
    references_are_accepted_for_arguments,
    a_function_without_arguments_or_result_can_be_called,
    an_id_may_be_chosen,
    an_id_may_be_found_by_its_name,
    a_name_may_be_shadowed_by_a_variable,
    large_arguments_and_results_arrive_whole,
    results_of_every_size_arrive_whole_and_in_order,
    results_of_every_size_arrive_while_their_worker_computes_on,
    thousands_of_calls_are_all_answered,
    many_threads_may_submit_at_once,
    every_worker_gets_work,
];

fn a_call_returns_what_the_function_returns(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(power::ID, (2, 10)).result().expect("it succeeds"), 1024);
}

fn a_function_stays_an_ordinary_function(setting: &Setting) {
    let future = setting.executor().submit(power::ID, (3, 4));
    assert_eq!(power(3, 4), future.result().expect("it succeeds"));
}

fn a_lone_argument_needs_no_tuple(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(square::ID, -7).result().expect("it succeeds"), 49);
    assert_eq!(executor.submit(square::ID, (-7,)).result().expect("it succeeds"), 49);
    assert_eq!(executor.submit(sum_pair::ID, (3, 4)).result().expect("it succeeds"), 7);
}

fn references_are_accepted_for_arguments(setting: &Setting) {
    let executor = setting.executor();
    let words = ["no".to_owned(), "copy".to_owned()];
    let from_slice = executor.submit(join_words::ID, (&words[..], "-")).result();
    assert_eq!(from_slice.expect("it succeeds"), "no-copy");
    let owned = executor.submit(join_words::ID, (words.to_vec(), "+".to_owned())).result();
    assert_eq!(owned.expect("it succeeds"), "no+copy");
    let bytes = vec![1, 2, 3];
    assert_eq!(executor.submit(echo_bytes::ID, &bytes).result().expect("it succeeds"), bytes);
    assert_eq!(executor.submit(read_number::ID, "12").result().expect("it succeeds"), 12);
}

fn a_function_without_arguments_or_result_can_be_called(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(answer::ID, ()).result().expect("it succeeds"), 42);
    executor.submit(nothing::ID, ()).result().expect("it succeeds");
}

fn an_id_may_be_chosen(setting: &Setting) {
    assert_eq!(named::ID.name(), "conformance/named");
    assert!(power::ID.name().ends_with("::conformance::tasks::power"), "{}", power::ID.name());
    assert_eq!(setting.executor().submit(named::ID, 7).result().expect("it succeeds"), 7);
}

fn an_id_may_be_found_by_its_name(setting: &Setting) {
    let found = TaskId::<(u8,), u8>::find("conformance/named").expect("it is registered");
    assert_eq!(setting.executor().submit(found, 9).result().expect("it succeeds"), 9);
    let unknown = TaskId::<(u8,), u8>::find("conformance/nameless").expect_err("it is not registered");
    assert!(unknown.is_registry(), "{unknown}");
    for part in ["`conformance/nameless`", "conformance/named", "use my_tasks as _;"] {
        assert!(unknown.message().contains(part), "{part} is not in: {unknown}");
    }
    let other = TaskId::<(u8,), u16>::find("conformance/named").expect_err("its signature is another");
    assert!(other.message().contains("`(u8,) -> u8` and not `(u8,) -> u16`"), "{other}");
}

fn a_name_may_be_shadowed_by_a_variable(setting: &Setting) {
    let executor = setting.executor();
    let square = executor.submit(square::ID, 5).result().expect("it succeeds");
    assert_eq!(square, 25);
}

fn large_arguments_and_results_arrive_whole(setting: &Setting) {
    let executor = setting.executor();
    for length in [0, 1, 4095, 4096, 4097, 65_536, 1 << 20, (5 << 20) + 1] {
        let bytes: Vec<u8> = (0..length).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let echo = executor.submit(echo_bytes::ID, &bytes).result_timeout(LONG).expect("it succeeds");
        assert!(echo == bytes, "{length} bytes come back as they went");
    }
}

/// Sizes around those up to which the MPIs copy a message at once, and from which on messages travel in another way.
const SIZES: [usize; 14] =
    [0, 200, 300, 1000, 4000, 4096, 8200, 16_000, 32_768, 65_500, 65_536, 100_000, 1 << 20, 9 << 20];

fn results_of_every_size_arrive_whole_and_in_order(setting: &Setting) {
    let executor = setting.executor();
    let sizes = || (0..SIZES[11]).step_by(997).chain(SIZES);
    for (size, result) in sizes().zip(executor.map(bytes_up_to::ID, sizes().map(|size| size as u64))) {
        assert!(result.expect("it succeeds") == bytes_up_to(size as u64), "{size} bytes arrive as they were");
    }
}

/// The last call is sent ahead of the result before, because calls of this function have been short, and goes on until
/// that result has come.
fn results_of_every_size_arrive_while_their_worker_computes_on(setting: &Setting) {
    let executor = setting.executor();
    let path = |name: &str| std::env::temp_dir().join(format!("futures-mpi-{}-{name}", std::process::id()));
    let (first_end, last_end) = (path("first"), path("last"));
    let call = |size: usize, end: &Path| executor.submit(bytes_before::ID, (size as u64, end));
    let touch = |end: &Path| std::fs::write(end, []).expect("the folder for temporary files can be written to");
    for size in SIZES {
        // A long one for each worker, so that none lets a result of this function wait for the next call.
        let mut others: Vec<_> = (0..setting.workers).map(|_| call(0, &first_end)).collect();
        wait_until(|| others.iter().all(Future::running));
        touch(&first_end);
        others.extend((0..64).map(|_| call(0, Path::new(""))));
        let result = call(size, Path::new(""));
        let last = call(0, &last_end);
        let right = result.result().expect("it succeeds") == bytes_up_to(size as u64);
        touch(&last_end);
        assert!(right, "{size} bytes arrive as they were");
        assert_eq!(last.result().expect("the result before had come"), bytes_up_to(0), "behind {size} bytes");
        assert!(others.iter().all(|future| future.result().is_ok()));
        for end in [&first_end, &last_end] {
            std::fs::remove_file(end).expect("it was written");
        }
    }
}

fn thousands_of_calls_are_all_answered(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..5000).map(|n| executor.submit(square::ID, n)).collect();
    for (n, future) in (0..).zip(futures) {
        assert_eq!(future.result_timeout(LONG).expect("it succeeds"), n * n);
    }
}

fn many_threads_may_submit_at_once(setting: &Setting) {
    let executor = setting.executor();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let executor = &executor;
            scope.spawn(move || {
                for n in (0..200).map(|n| n * 10 + thread) {
                    assert_eq!(executor.submit(square::ID, n).result_timeout(LONG).expect("it succeeds"), n * n);
                }
            });
        }
    });
}

fn every_worker_gets_work(setting: &Setting) {
    let executor = setting.executor();
    let workers = executor.num_workers().expect("the pool starts");
    assert_eq!(workers, setting.workers);
    if setting.kind == super::Kind::Mpi {
        let futures: Vec<_> = (0..workers * 3).map(|_| executor.submit(process_after::ID, 50)).collect();
        let processes: BTreeSet<u32> =
            futures.iter().map(|process| process.result_timeout(LONG).expect("it succeeds")).collect();
        assert_eq!(processes.len(), workers, "each worker is a process of its own");
        assert!(!processes.contains(&std::process::id()), "and none of them is the master");
    }
}
