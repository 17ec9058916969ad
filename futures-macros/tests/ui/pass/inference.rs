//! Literals and references find their types by the task's id.

use futures_mpi_macros::remote_task;

use futures_mpi_core::{IntoArgs, TaskId};

#[remote_task]
fn square(x: f64) -> f64 {
    x * x
}

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

#[remote_task]
fn greet(name: &str) -> String {
    format!("hello {name}")
}

#[remote_task]
fn total(values: &[f64]) -> f64 {
    values.iter().sum()
}

#[remote_task]
fn nothing() {}

#[remote_task]
fn one_tuple(pair: (u8, String)) -> usize {
    usize::from(pair.0) + pair.1.len()
}

#[remote_task]
fn lines(path: &std::path::Path) -> std::io::Result<usize> {
    Ok(std::fs::read_to_string(path)?.lines().count())
}

fn take<A, O, I: IntoArgs<A>>(_: TaskId<A, O>, _: I) {}

fn main() {
    let vec = vec![1.0, 2.0];
    let path = std::path::PathBuf::from("data");
    take(square::ID, 3.0);
    take(square::ID, (3.0,));
    take(power::ID, (2, 10));
    take(greet::ID, "world");
    take(greet::ID, String::from("world"));
    take(total::ID, &vec);
    take(total::ID, &vec[1..]);
    take(total::ID, vec![]);
    take(nothing::ID, ());
    take(one_tuple::ID, ((1, String::new()),));
    take(one_tuple::ID, (1, String::new()));
    take(lines::ID, path.as_path());
    take(lines::ID, &path);
}
