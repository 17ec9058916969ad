//! Every way to take arguments, called over bytes as a worker calls.

#![allow(clippy::unwrap_used)]

use futures_mpi_core::__private::{call, call_with_bytes};
use futures_mpi_core::TaskId;
use futures_mpi_macros::remote_task;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

#[remote_task]
fn nothing() {}

#[remote_task]
fn greet(name: &str) -> String {
    format!("hello {name}")
}

#[remote_task]
fn total(values: &[f64]) -> f64 {
    values.iter().sum()
}

#[remote_task]
fn norm(point: &Point) -> f64 {
    point.x.hypot(point.y)
}

#[remote_task]
fn mixed(text: &str, count: usize, points: &[Point], map: BTreeMap<String, u8>) -> String {
    format!("{text} {count} {} {}", points.len(), map["key"])
}

/// A mark of what it is about, which holds nothing.
#[remote_task]
fn marked(number: u8, _: PhantomData<fn(&Point) -> &f64>) -> u8 {
    number
}

#[remote_task]
fn patterns(mut sum: i32, _: bool, (a, b): (i32, i32), [c, d]: [i32; 2], Point { x, .. }: &Point) -> f64 {
    sum += a + b + c + d;
    f64::from(sum) + x
}

#[remote_task]
fn one_tuple(pair: (u8, u8)) -> u8 {
    pair.0 + pair.1
}

#[remote_task]
fn lifetimes<'a, 'b: 'a>(text: &'a str, more: Cow<'b, str>, even: Cow<'_, str>) -> Cow<'a, str> {
    Cow::Owned(format!("{text} {more} {even}"))
}

#[remote_task]
fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}

mod geometry {
    use super::{Deserialize, Point, Serialize, remote_task};

    #[derive(Serialize, Deserialize)]
    pub(super) struct Path(pub(super) Vec<Point>);

    #[remote_task]
    pub(super) fn corners(path: &Path) -> usize {
        path.0.len()
    }
}

#[rustfmt::skip]
#[allow(unused_parens)]
#[remote_task]
fn parentheses(text: (&str), values: &([u8])) -> (usize) {
    text.len() + values.len()
}

#[remote_task]
#[allow(clippy::too_many_arguments)]
fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l
}

#[test]
fn values_and_references() {
    let point = Point { x: 3.0, y: 4.0 };
    assert_eq!(call(power::ID, (2, 10)).unwrap(), 1024);
    call(nothing::ID, ()).unwrap();
    assert_eq!(call(greet::ID, "world").unwrap(), "hello world");
    assert_eq!(call(greet::ID, "world".to_owned()).unwrap(), "hello world");
    assert_eq!(call(total::ID, &[1.0, 2.5][..]).unwrap(), 3.5);
    assert_eq!(call(norm::ID, &point).unwrap(), 5.0);
    let map = BTreeMap::from([("key".to_owned(), 7)]);
    assert_eq!(call(marked::ID, (3, PhantomData)).unwrap(), 3);
    assert_eq!(call(mixed::ID, ("text", 2, &[point][..], &map)).unwrap(), "text 2 1 7");
}

#[test]
fn patterns_and_tuples() {
    assert_eq!(call(patterns::ID, (1, true, (2, 3), [4, 5], Point { x: 0.5, y: 0.0 })).unwrap(), 15.5);
    assert_eq!(call(one_tuple::ID, ((1, 2),)).unwrap(), 3);
    assert_eq!(call(one_tuple::ID, (1, 2)).unwrap(), 3);
    assert_eq!(call(twelve::ID, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)).unwrap(), 78);
    assert_eq!(call(parentheses::ID, ("ab", vec![1, 2])).unwrap(), 4);
}

#[test]
fn lifetimes_are_the_workers() {
    let _: TaskId<(String, Cow<'static, str>, Cow<'static, str>), Cow<'static, str>> = lifetimes::ID;
    let args = ("a", Cow::Borrowed("b"), Cow::Borrowed("c"));
    assert_eq!(call(lifetimes::ID, args).unwrap(), "a b c");
}

#[test]
fn paths_of_the_system_and_of_users() {
    assert_eq!(call(stem::ID, Path::new("/data/run.h5")).unwrap().as_deref(), Some("run"));
    let corners = vec![Point { x: 0.0, y: 0.0 }; 3];
    assert_eq!(call(geometry::corners::ID, geometry::Path(corners)).unwrap(), 3);
}

#[test]
fn the_function_stays_a_function() {
    let function: fn(u64, u32) -> u64 = power;
    assert_eq!(function(3, 2), 9);
    let power = 3;
    assert_eq!(power, 3);
}

#[test]
fn bytes_that_are_no_arguments_name_the_argument() {
    let error = call_with_bytes(power::ID, &[0; 8]).unwrap_err();
    assert!(error.is_codec());
    assert!(error.message().starts_with("argument `exponent` of type u32 cannot be decoded"), "{error}");
    let error = call_with_bytes(patterns::ID, &[0; 5]).unwrap_err();
    assert!(error.message().starts_with("argument `#3` of type (i32, i32) cannot be decoded"), "{error}");
}
