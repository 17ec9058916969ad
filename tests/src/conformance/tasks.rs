//! The task functions that promises are checked with.

use futures_mpi::{Buffer, remote_task};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

#[remote_task]
pub(super) fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

#[remote_task]
pub(super) fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
pub(super) fn answer() -> u32 {
    42
}

#[remote_task]
pub(super) fn nothing() {}

#[remote_task]
pub(super) fn sleep(millis: u64) -> u64 {
    thread::sleep(Duration::from_millis(millis));
    millis
}

#[remote_task]
pub(super) fn square_after(millis: u64, n: i64) -> i64 {
    thread::sleep(Duration::from_millis(millis));
    n * n
}

#[remote_task]
pub(super) fn wait_then_give(millis: u64, n: u32) -> u32 {
    thread::sleep(Duration::from_millis(millis));
    n
}

#[remote_task]
pub(super) fn process_after(millis: u64) -> u32 {
    thread::sleep(Duration::from_millis(millis));
    std::process::id()
}

#[remote_task]
pub(super) fn join_words(words: &[String], separator: &str) -> String {
    words.join(separator)
}

#[remote_task]
pub(super) fn echo_bytes(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

/// So many bytes, each other than its neighbours: encoded, or as an array beside the codec if they are very many.
#[remote_task]
pub(super) fn bytes_up_to(length: u64) -> (Vec<u8>, Buffer<u8>) {
    let encoded = if length > 100_000 { 0 } else { length };
    let bytes = |length| (0..length).map(|n| (n % 251) as u8);
    (bytes(encoded).collect(), bytes(length - encoded).collect())
}

/// The same; if a file is named, after a while and as soon as it is there.
#[remote_task]
pub(super) fn bytes_before(length: u64, end: PathBuf) -> Result<(Vec<u8>, Buffer<u8>), String> {
    let limit = Instant::now() + Duration::from_secs(20);
    let mut waits = !end.as_os_str().is_empty();
    while waits {
        if Instant::now() > limit {
            return Err("the result before has not arrived".to_owned());
        }
        thread::sleep(Duration::from_millis(1));
        waits = !end.exists();
    }
    Ok(bytes_up_to(length))
}

#[remote_task]
pub(super) fn sum_pair((a, b): (i32, i32)) -> i32 {
    a + b
}

#[remote_task(id = "conformance/named")]
pub(super) fn named(n: u8) -> u8 {
    n
}

#[remote_task]
pub(super) fn panic_at(n: u32, bad: u32) -> u32 {
    assert!(n != bad, "{n} is bad");
    n
}

/// Panics when it is dropped.
pub(super) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[remote_task]
pub(super) fn panic_with_bomb() {
    std::panic::panic_any(Bomb);
}

/// An error that serde can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    TooLarge { limit: u32 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal::TooLarge { limit } = self;
        write!(f, "larger than {limit}")
    }
}

impl std::error::Error for Refusal {}

#[remote_task]
pub(super) fn at_most_ten(n: u64) -> Result<u64, Refusal> {
    if n <= 10 { Ok(n) } else { Err(Refusal::TooLarge { limit: 10 }) }
}

#[remote_task]
pub(super) fn parse(text: &str) -> Result<i32, Box<dyn std::error::Error + Send + Sync>> {
    let number: i32 = text.parse()?;
    Ok(number)
}

/// An error with a cause.
#[derive(Debug)]
pub(super) struct NotRead(std::num::ParseIntError);

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number was not read")
    }
}

impl std::error::Error for NotRead {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[remote_task]
pub(super) fn read_number(text: String) -> Result<i32, NotRead> {
    text.parse().map_err(NotRead)
}

/// A value that refuses to be encoded, to be decoded, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touchy {
    pub(super) encodes: bool,
    pub(super) decodes: bool,
}

/// A value that raises no objection.
pub(super) const PLACID: Touchy = Touchy { encodes: true, decodes: true };

impl Serialize for Touchy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.encodes { self.decodes.serialize(serializer) } else { Err(serde::ser::Error::custom("I stay here")) }
    }
}

impl fmt::Display for Touchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("touched")
    }
}

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decodes = bool::deserialize(deserializer)?;
        if decodes { Ok(PLACID) } else { Err(serde::de::Error::custom("I do not want to arrive")) }
    }
}

#[remote_task]
pub(super) fn take_touchy(_value: Touchy) {}

#[remote_task]
pub(super) fn give_touchy(encodes: bool, decodes: bool) -> Touchy {
    Touchy { encodes, decodes }
}

/// Returns its argument as an error.
#[remote_task]
pub(super) fn refuse_with(encodes: bool, decodes: bool) -> Result<(), Touchy> {
    Err(Touchy { encodes, decodes })
}

/// An error that panics when it is displayed.
#[derive(Debug)]
pub(super) struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("displayed")
    }
}

#[remote_task]
pub(super) fn refuse_with_unspeakable() -> Result<(), Unspeakable> {
    Err(Unspeakable)
}

/// A value that panics when it is encoded or decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Explosive;

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("explosive")
    }
}

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        panic!("encoded")
    }
}

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("decoded")
    }
}

/// A number that panics when it is encoded, if it is 20.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct NotTwenty(pub(super) i64);

impl Serialize for NotTwenty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0 != 20, "20 cannot be encoded");
        serializer.serialize_newtype_struct("NotTwenty", &self.0)
    }
}

/// The first number has been encoded when the second panics.
#[remote_task]
pub(super) fn square_of(n: i64, same: NotTwenty) -> i64 {
    n * same.0
}

/// A value that is encoded in peace and panics when it is decoded.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Parcel(Explosive);

impl Serialize for Parcel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("Parcel", &())
    }
}

/// A parcel with its explosive.
pub(super) const PARCEL: Parcel = Parcel(Explosive);

#[remote_task]
pub(super) fn give_explosive() -> Explosive {
    Explosive
}

#[remote_task]
pub(super) fn refuse_with_explosive() -> Result<(), Explosive> {
    Err(Explosive)
}

#[remote_task]
pub(super) fn take_parcel(_parcel: Parcel) {}

#[remote_task]
pub(super) fn give_parcel() -> Parcel {
    PARCEL
}
