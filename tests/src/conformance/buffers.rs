//! Promises about arrays that travel beside the codec.

use super::{Kind, Setting, promises};
use futures_mpi::{Buffer, remote_task};
use serde::{Deserialize, Serialize};

promises! {
    buffers_come_back_as_they_went,
    buffers_travel_inside_of_other_types,
    buffers_travel_in_chunks_and_beside_failures,
    a_task_changes_its_buffer_in_place,
    a_buffer_larger_than_many_messages_arrives,
    vectors_of_numbers_and_texts_come_back_as_they_went,
    vectors_of_numbers_travel_in_chunks_beside_failures_and_in_retries,
}

#[remote_task]
fn echo(buffer: Buffer<f64>) -> Buffer<f64> {
    buffer
}

#[remote_task]
fn double(buffer: Buffer<u16>) -> (bool, Buffer<u16>) {
    let before = buffer.as_ptr();
    let mut vector = buffer.into_vec();
    vector.iter_mut().for_each(|n| *n *= 2);
    (vector.as_ptr() == before, vector.into())
}

#[remote_task]
fn head(buffer: Buffer<u32>, bad: u32) -> (u32, Buffer<u32>) {
    assert!(buffer[0] != bad, "{bad} is bad");
    (buffer[0], buffer)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Grid {
    name: String,
    small: Buffer<u8>,
    layers: Vec<Buffer<f32>>,
    rest: Option<Buffer<[i64; 3]>>,
}

#[remote_task]
fn turn_over(grid: Grid) -> Grid {
    Grid { layers: grid.layers.into_iter().rev().collect(), ..grid }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Series {
    title: String,
    times: Vec<f64>,
    flags: Vec<bool>,
    levels: Option<Box<[u16]>>,
}

#[remote_task]
fn reverse(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.reverse();
    numbers
}

#[expect(clippy::boxed_local, reason = "the box is what travels")]
#[remote_task]
fn count_bytes(bytes: &[u8], text: &str, wide: Box<[i128]>) -> Result<Box<[u64]>, String> {
    if wide.is_empty() {
        return Err(format!("{} and {} bytes, and nothing wide", bytes.len(), text.len()));
    }
    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum();
    Ok([sum, text.len() as u64].into_iter().chain(wide.iter().map(|wide| *wide as u64)).collect())
}

#[remote_task]
fn turn_text_over(text: &str) -> String {
    text.chars().rev().collect()
}

#[remote_task]
fn turn_series_over(series: Series) -> Series {
    let Series { title, mut times, mut flags, levels } = series;
    times.reverse();
    flags.reverse();
    Series { title, times, flags, levels }
}

#[remote_task]
fn refuse_first(numbers: Vec<u32>, bad: u32) -> Vec<u32> {
    assert!(numbers[0] != bad, "{bad} is bad");
    numbers
}

/// Lengths around the one from which on blocks of eight bytes are attached.
const BLOCK_LENGTHS: [usize; 5] = [0, 1, 8191, 8192, 100_003];

fn vectors_of_numbers_and_texts_come_back_as_they_went(setting: &Setting) {
    for executor in [setting.executor(), setting.builder().out_of_band(false).build().expect("it is good")] {
        for length in BLOCK_LENGTHS {
            let numbers: Vec<f64> = (0..length).map(|n| n as f64 / 3.0).collect();
            let reversed: Vec<f64> = numbers.iter().rev().copied().collect();
            let future = executor.submit(reverse::ID, &numbers);
            assert_eq!(future.result().expect("it comes back"), reversed);
            assert_eq!(future.result().expect("it may be asked for twice"), reversed);
            assert_eq!(executor.submit(reverse::ID, numbers.clone()).result().expect("it comes back"), reversed);

            let text = "aé".repeat(length);
            let turned = executor.submit(turn_text_over::ID, text.as_str()).result().expect("it comes back");
            assert_eq!(turned, "éa".repeat(length));

            let bytes: Vec<u8> = (0..8 * length).map(|n| n as u8).collect();
            let wide: Box<[i128]> = (0..length as i128).collect();
            let counted = executor.submit(count_bytes::ID, (&bytes, text.as_str(), &wide)).result();
            match counted {
                Ok(counted) => {
                    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum();
                    assert_eq!(counted[..2], [sum, text.len() as u64]);
                    assert!(counted[2..].iter().copied().eq(0..length as u64));
                }
                Err(error) => assert_eq!((length, error.message()), (0, "0 and 0 bytes, and nothing wide")),
            }

            let series = Series {
                title: text,
                times: numbers,
                flags: (0..length * 8).map(|n| n % 3 == 0).collect(),
                levels: Some((0..length * 4).map(|n| n as u16).collect()),
            };
            let turned = executor.submit(turn_series_over::ID, &series).result().expect("it comes back");
            assert_eq!((turned.times, &turned.title, &turned.levels), (reversed, &series.title, &series.levels));
            assert!(turned.flags.iter().rev().eq(&series.flags));
        }
    }
}

fn vectors_of_numbers_travel_in_chunks_beside_failures_and_in_retries(setting: &Setting) {
    let executor = setting.executor();
    let items = || (0..12u32).map(|n| (vec![n; if n % 2 == 0 { 3 } else { 20_000 }], 5));
    for chunksize in [1, 5] {
        for (n, result) in (0..).zip(executor.starmap(refuse_first::ID, items()).chunksize(chunksize).retries(1)) {
            match result {
                Ok(numbers) => assert_eq!(numbers, vec![n; if n % 2 == 0 { 3 } else { 20_000 }]),
                Err(error) => assert_eq!((n, error.message()), (5, "5 is bad")),
            }
        }
    }
}

/// Lengths around the one from which on buffers are attached, and nothing at all.
const LENGTHS: [usize; 6] = [0, 1, 511, 512, 513, 100_000];

fn numbers(length: usize) -> Buffer<f64> {
    (0..length).map(|n| n as f64).collect()
}

fn buffers_come_back_as_they_went(setting: &Setting) {
    let executor = setting.executor();
    for length in LENGTHS {
        let buffer = numbers(length);
        let future = executor.submit(echo::ID, &buffer);
        assert_eq!(future.result().expect("it comes back"), buffer);
        assert_eq!(future.result().expect("it may be asked for twice").into_vec(), buffer.into_vec());
    }
}

fn buffers_travel_inside_of_other_types(setting: &Setting) {
    let executor = setting.executor();
    let grid = Grid {
        name: "a grid".to_owned(),
        small: vec![1, 2, 3].into(),
        layers: (0..5u16).map(|n| vec![f32::from(n); 10_000].into()).collect(),
        rest: Some(vec![[1, -2, 3]; 5000].into()),
    };
    let turned = executor.submit(turn_over::ID, &grid).result().expect("it comes back");
    assert_eq!((turned.layers[0][0], turned.layers[4][9_999]), (4.0, 0.0));
    assert_eq!(Grid { layers: grid.layers.clone(), ..turned }, grid);
}

fn buffers_travel_in_chunks_and_beside_failures(setting: &Setting) {
    let executor = setting.executor();
    let buffers = (0..20u32).map(|n| (Buffer::from(vec![n; 5000]), 13));
    for (n, result) in (0..).zip(executor.starmap(head::ID, buffers).chunksize(7)) {
        match result {
            Ok((first, buffer)) => assert_eq!((first, buffer), (n, vec![n; 5000].into())),
            Err(error) => assert!(n == 13 && error.message().contains("13 is bad"), "{n}: {error}"),
        }
    }
}

fn a_task_changes_its_buffer_in_place(setting: &Setting) {
    let executor = setting.executor();
    let buffer: Buffer<u16> = vec![21; 10_000].into();
    let (_, doubled) = executor.submit(double::ID, &buffer).result().expect("it comes back");
    assert!(doubled.iter().all(|n| *n == 42) && buffer.iter().all(|n| *n == 21));
    // Memory that is also held elsewhere is copied: threads share it with the caller, processes do not.
    let (in_place, _) = executor.submit(double::ID, buffer).result().expect("it comes back");
    let is_thread = setting.kind == Kind::Threads || (setting.kind == Kind::Communicator && setting.workers == 1);
    assert!(in_place || is_thread, "the task had its buffer for itself");
}

fn a_buffer_larger_than_many_messages_arrives(setting: &Setting) {
    let executor = setting.executor();
    let buffer = numbers(1 << 20);
    let futures: Vec<_> = (0..4).map(|_| executor.submit(echo::ID, buffer.clone())).collect();
    assert!(futures.iter().all(|future| future.result().expect("it comes back") == buffer));
}
