//! Arguments and results that are larger than the limit, which is 64 GiB but here.

use futures_mpi::{Buffer, remote_task};
use futures_mpi_core::options::PoolOptions;
use futures_mpi_tests::stepped_pool::Pool;

#[remote_task]
fn count(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[remote_task]
fn make(length: usize) -> Vec<u8> {
    vec![1; length]
}

#[remote_task]
fn make_buffer(length: usize) -> Buffer<f64> {
    vec![0.5; length].into()
}

#[test]
fn what_is_larger_than_the_limit_fails_its_future_and_the_pool_goes_on() {
    const LIMIT: usize = 100_000;
    let mut pool = Pool::with_options(1, PoolOptions { payload_limit_bytes: LIMIT, ..PoolOptions::default() });
    let argument = pool.executor.submit(count::ID, vec![0; LIMIT]);
    assert!(argument.done(), "it is not sent");
    let bytes = pool.executor.submit(make::ID, LIMIT);
    let buffer = pool.executor.submit(make_buffer::ID, LIMIT / 8 + 1);
    for _ in 0..2 {
        pool.step();
        pool.work(0);
    }
    let says = |error: futures_mpi::Error, what: &str| {
        assert!(error.is_codec() && error.message().contains(what), "{error}");
        assert!(error.message().ends_with("larger than the limit of 100000 bytes"), "{error}");
    };
    says(argument.result().expect_err("it is too large"), "the encoded arguments of task too_large::count are");
    says(bytes.result().expect_err("it is too large"), "the encoded result of type alloc::vec::Vec<u8> is");
    says(buffer.result().expect_err("it is too large"), "the encoded result of type ");
    let fits = pool.executor.submit(count::ID, vec![0; LIMIT / 2]);
    pool.step();
    pool.work(0);
    assert_eq!(fits.result().expect("it fits"), LIMIT / 2);
}
