//! The numbers by which the parts of an executor name tasks, workers and clients.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! number {
    ($(#[$docs:meta])* $visibility:vis $name:ident($inner:ty)) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        $visibility struct $name($visibility $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The number of a task in its pool: given once, in the order of submission, never used again.
    pub TaskNumber(u64)
}

number! {
    /// The number of a worker in its pool, from 0.
    pub WorkerNumber(u32)
}

number! {
    /// The number of an executor among those that share a pool, from 0.
    #[derive(serde::Serialize, serde::Deserialize)]
    pub ClientNumber(u32)
}

number! {
    /// The number of a task function in the registry, from 0.
    pub FunctionNumber(u32)
}

/// Gives the tasks of a pool their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskNumbers(Arc<AtomicU64>);

impl TaskNumbers {
    /// The next number.
    #[inline]
    pub(crate) fn next(&self) -> TaskNumber {
        self.next_in_a_row(1)
    }

    /// The first of so many consecutive numbers.
    #[inline]
    pub(crate) fn next_in_a_row(&self, count: u64) -> TaskNumber {
        TaskNumber(self.0.fetch_add(count, Ordering::Relaxed))
    }
}

impl WorkerNumber {
    /// The number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl FunctionNumber {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl ClientNumber {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The 64-bit FNV-1a hash of a task function's name, by which it is called on the wire.
///
/// Two names with one hash are found when the registry is first used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TaskKey(pub(crate) u64);

impl TaskKey {
    /// The key of a name.
    pub(crate) const fn of(name: &str) -> Self {
        // FNV-1a with the 64-bit offset basis and prime of its authors (Fowler, Noll, Vo).
        let bytes = name.as_bytes();
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        TaskKey(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_published_hash() {
        // Test vectors of the hash's authors.
        assert_eq!(TaskKey::of("").0, 0xcbf2_9ce4_8422_2325);
        assert_eq!(TaskKey::of("a").0, 0xaf63_dc4c_8601_ec8c);
        assert_eq!(TaskKey::of("foobar").0, 0x8594_4171_f739_67e8);
    }
}
