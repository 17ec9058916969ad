//! Processes that have nothing to do sleep, and are awake when there is something again.

use futures_mpi_tests::harness::{self, Launch, Outcome};

/// The launches of a pool with one worker that this MPI has.
fn launches() -> Vec<Launch> {
    let mut launches = Vec::new();
    if harness::mpiexec_or_skip().is_some() {
        launches.push(Launch::mpiexec(2));
        if harness::spawn_or_skip().is_some() {
            launches.push(Launch::alone().clean_environment().env("FUTURES_MPI_MAX_WORKERS", "1"));
        }
    }
    launches.into_iter().map(|launch| launch.program(env!("CARGO_BIN_EXE_resting"))).collect()
}

/// How often somebody went to sleep while there was nothing to do, and while a task ran.
#[track_caller]
fn sleeps(outcome: &Outcome) -> [u64; 2] {
    outcome.expect_success().expect_said("square 49");
    outcome.expect_said("nobody waits: 20540").expect_said("map: 20540");
    ["idle: ", "waiting: "].map(|what| {
        let said = outcome.stdout().lines().find_map(|line| line.strip_prefix(what));
        let count = said.and_then(|said| said.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| outcome.fail(&format!("it does not say {what:?}")))
    })
}

/// Looks every millisecond make about two thousand sleeps a second, and sleeping deeply twenty.
#[test]
fn processes_that_are_called_doze() {
    for (dozing, looking) in launches().into_iter().zip(launches()) {
        let dozing = sleeps(&dozing.run());
        let looking = sleeps(&looking.env("FUTURES_MPI_LIVENESS", "0").run());
        assert!(dozing[0] * 5 < looking[0], "idle: {dozing:?} with liveness connections, {looking:?} without");
        assert!(dozing[1] * 3 < looking[1] * 2, "waiting: {dozing:?} with liveness connections, {looking:?} without");
    }
}
