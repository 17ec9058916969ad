//! The numbers by which the parts of an executor name tasks, workers and clients.

use std::fmt;

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
