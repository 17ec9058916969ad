//! What values of different kinds cost on their way, and calls in chunks.
//!
//! `cargo bench -p futures-mpi-core --bench values`; a word after `--` chooses among them. A value is encoded and
//! decoded twice: as an argument and as a result.

mod in_memory;

use criterion::{BatchSize, Criterion};
use futures_mpi_core::{__private, TaskId};
use futures_mpi_macros::remote_task;
use in_memory::Pool;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Duration;

/// The length of each list.
const LENGTH: u32 = 10_000;

#[derive(Clone, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
    z: f64,
}

#[derive(Clone, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Square { side: f64 },
    Named(u32, u8),
}

#[remote_task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[remote_task]
fn same_point(point: Point) -> Point {
    point
}

#[remote_task]
fn numbers(numbers: Vec<f64>) -> Vec<f64> {
    numbers
}

#[remote_task]
fn bytes(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

#[remote_task]
fn points(points: Vec<Point>) -> Vec<Point> {
    points
}

#[remote_task]
fn shapes(shapes: Vec<Shape>) -> Vec<Shape> {
    shapes
}

#[remote_task]
fn texts(texts: Vec<String>) -> Vec<String> {
    texts
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("two numbers", |bencher| {
        bencher.iter(|| __private::call(add::ID, (black_box(1), black_box(2))));
    });
    value(&mut criterion, "a struct", same_point::ID, point(1));
    value(&mut criterion, "numbers", numbers::ID, (0..LENGTH).map(f64::from).collect());
    value(&mut criterion, "bytes", bytes::ID, vec![7; LENGTH as usize]);
    value(&mut criterion, "structs", points::ID, (0..LENGTH).map(point).collect());
    value(&mut criterion, "enums", shapes::ID, (0..LENGTH).map(shape).collect());
    value(&mut criterion, "texts", texts::ID, (0..LENGTH).map(|n| n.to_string()).collect());
    criterion.bench_function("10,000 calls in chunks of 100", |bencher| {
        bencher.iter_batched_ref(
            || Pool::new(100, Duration::from_millis(10)),
            |pool| {
                let sums = pool.executor.map(add::ID, (0..10_000).map(|n| (n, n))).chunksize(100).into_iter();
                pool.step();
                pool.work(usize::MAX);
                pool.step();
                sums.map(|sum| sum.expect("it is a number")).sum::<u64>()
            },
            BatchSize::SmallInput,
        );
    });
    criterion.final_summary();
}

fn value<T: Serialize + DeserializeOwned + 'static>(
    criterion: &mut Criterion,
    name: &str,
    id: TaskId<(T,), T>,
    value: T,
) {
    criterion.bench_function(name, |bencher| bencher.iter(|| __private::call(id, black_box(&value))));
}

fn point(n: u32) -> Point {
    Point { x: f64::from(n), y: 0.5, z: -1.0 }
}

fn shape(n: u32) -> Shape {
    match n % 4 {
        0 => Shape::Nothing,
        1 => Shape::Circle(f64::from(n)),
        2 => Shape::Square { side: f64::from(n) },
        _ => Shape::Named(n, 3),
    }
}
