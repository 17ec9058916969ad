//! What the parts of a call cost: encoding, futures, the registry.
//!
//! `cargo bench -p futures-mpi-core --bench parts`; a word after `--` chooses among them, as in `-- future`.

mod in_memory;

use criterion::{BatchSize, Criterion};
use futures_mpi_core::{__private, Future, TaskId};
use futures_mpi_macros::remote_task;
use in_memory::Pool;
use std::hint::black_box;
use std::time::Duration;

/// So many futures are made, resolved and asked at once; what is shown is for all of them.
const FUTURES: u64 = 100;

#[remote_task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[remote_task]
fn same(text: String) -> String {
    text
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode(&mut criterion);
    future(&mut criterion);
    registry(&mut criterion);
    criterion.final_summary();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let kibibyte = "x".repeat(1024);
    group.bench_function("arguments, two numbers", |bencher| {
        bencher.iter(|| __private::encode(add::ID, (black_box(1), black_box(2))));
    });
    group.bench_function("arguments, 1 KiB", |bencher| {
        bencher.iter_batched(|| kibibyte.clone(), |text| __private::encode(same::ID, (text,)), BatchSize::SmallInput);
    });
    // With the decoding of the arguments and the call, as in a worker.
    group.bench_function("reply, a number", |bencher| {
        let arguments = __private::arguments(add::ID, (1, 2)).expect("they encode");
        bencher.iter(|| __private::call_with_bytes(add::ID, black_box(&arguments)));
    });
    group.bench_function("reply, 1 KiB", |bencher| {
        let arguments = __private::arguments(same::ID, kibibyte.as_str()).expect("they encode");
        bencher.iter(|| __private::call_with_bytes(same::ID, black_box(&arguments)));
    });
    group.finish();
}

fn future(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("{FUTURES} futures"));
    group.bench_function("create", |bencher| {
        bencher.iter_batched_ref(pool, |pool| submit(pool), BatchSize::SmallInput);
    });
    group.bench_function("resolve", |bencher| {
        let answered = || {
            let mut pool = pool();
            let futures = submit(&pool);
            pool.step();
            pool.work(usize::MAX);
            (pool, futures)
        };
        bencher.iter_batched_ref(answered, |(pool, _)| pool.step(), BatchSize::SmallInput);
    });
    group.bench_function("result", |bencher| {
        let mut pool = pool();
        let futures = submit(&pool);
        while !futures.iter().all(Future::done) {
            pool.step();
            pool.work(usize::MAX);
        }
        bencher.iter(|| futures.iter().map(|future| future.result().expect("it is done")).sum::<u64>());
    });
    group.finish();
}

/// A pool with a worker for each future, all of which have joined.
fn pool() -> Pool {
    let mut pool = Pool::new(FUTURES as u32, Duration::from_millis(10));
    pool.work(usize::MAX);
    pool.step();
    pool
}

fn submit(pool: &Pool) -> Vec<Future<u64>> {
    (0..FUTURES).map(|n| pool.executor.submit(add::ID, (n, n))).collect()
}

fn registry(criterion: &mut Criterion) {
    let name = add::ID.name();
    criterion.bench_function("registry, find by name", |bencher| {
        bencher.iter(|| TaskId::<(u64, u64), u64>::find(black_box(name)).is_ok());
    });
}
