//! The rooms of each crate, from the top down, and the circles of imports that are left in it.

use super::imports::House;

/// All crates of the library.
pub const HOUSES: [House; 3] = [
    House {
        root: "futures-core/src/lib.rs",
        rooms: &["lib", "executor", "future", "pool", "worker", "driver", "task", "error", "wire", "scheduler", "base"],
        circles: &[],
        up: &[],
    },
    House { root: "futures-macros/src/lib.rs", rooms: &["lib"], circles: &[], up: &[] },
    House {
        root: "futures-mpi/src/lib.rs",
        rooms: &[
            "lib",
            "executor",
            "runtime",
            "service",
            "spawning",
            "transport",
            "ending",
            "launch",
            "comm_workers",
            "liveness",
            "sys",
        ],
        circles: &[],
        up: &[],
    },
];
