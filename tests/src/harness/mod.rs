//! Starts programs under `mpiexec`, alone, or as plain processes, with a time limit, and says what they said.
//!
//! ```text
//!   Launch  --start-->  Running  --wait-->  Outcome
//!   what to run         a process tree      status, outputs, what was left over
//!     | plan              | tree, guard       | report
//!     v                   v                   v
//!   variables,          /proc, signals,     one text with everything that is
//!   command lines       the turn            needed to repeat a failure by hand
//! ```
//!
//! ```no_run
//! use futures_mpi_tests::harness::{self, Launch};
//! use std::time::Duration;
//!
//! if harness::mpiexec_or_skip().is_some() {
//!     let outcome = Launch::mpiexec(3).program("target/debug/examples/hello").limit(Duration::from_secs(20)).run();
//!     assert!(outcome.expect_success().stdout().contains("hello"));
//! }
//! ```
//!
//! The harness knows nothing of futures-mpi: it starts any program. Variables it listens to:
//!
//! | variable | meaning |
//! |---|---|
//! | `FUTURES_MPI_TEST_MPIEXEC`, else `MPIEXEC` | the launcher; without them the `mpiexec` that belongs to `MPICC`, else the one on the PATH |
//! | `FUTURES_MPI_TEST_REQUIRE_MPI=1` | a missing launcher fails the tests instead of skipping them |
//! | `FUTURES_MPI_TEST_REQUIRE_HOSTS=1` | the same where no [hosts](Cluster) can be made |
//! | `FUTURES_MPI_TEST_LIMIT_FACTOR` | multiplies every time limit (slow machines, valgrind) |
//! | `FUTURES_MPI_TEST_DIR` | where the outputs of failed launches are kept (default: `tmp` in cargo's target folder) |

mod built;
mod cluster;
mod folder;
mod guard;
mod launch;
mod mpi;
mod outcome;
mod plan;
mod report;
mod running;
mod tree;
mod turn;

pub use built::{example, tool};
pub use cluster::Cluster;
pub use launch::Launch;
pub use mpi::{Kind, Mpi, mpi, mpiexec_or_skip, spawn_or_skip};
pub use outcome::{End, Outcome, RankOutput};
pub use running::Running;
pub use tree::{LeftOver, signal};
