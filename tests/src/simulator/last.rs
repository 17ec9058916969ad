//! Judges what the workers have done last for each client: once on each, after all else.

use super::tasks::{Execution, FIRST_LAST};
use super::world::{Client, World};
use futures_mpi_core::Error;
use std::collections::BTreeSet;

/// Says what is wrong, if anything is.
pub(super) fn judge(world: &World) -> Result<(), String> {
    let executions = world.workers().iter().flat_map(|worker| worker.executions());
    let executions: Vec<Execution> = executions.copied().collect();
    let may_be_late = world.may_hang() || expected(world).any(|(_, expected)| expected.terms.limit_nanos > 0);
    for (number, client) in (0..).zip(world.clients()) {
        let of_client = |wrong: String| format!("what was done last for client {number}: {wrong}");
        let tokens: BTreeSet<u64> = expected(world).filter(|(of, _)| *of == number).map(|(_, it)| it.token).collect();
        let mut workers = BTreeSet::new();
        for last in executions.iter().filter(|execution| execution.token == FIRST_LAST + u64::from(number)) {
            if !client.exits || !workers.insert(last.worker) {
                return Err(of_client(format!("once too often: {last:?}")));
            }
            let is_lost = |worker: u32| world.mishaps.workers.iter().any(|lost| lost.0 == worker);
            // A lost worker goes on, or its task is done again, when nobody waits for it any more.
            let waited = |all: &&Execution| {
                all.worker == last.worker || !may_be_late && !is_lost(all.worker) && !is_lost(last.worker)
            };
            let of_it = executions.iter().filter(|all| tokens.contains(&all.token)).filter(waited);
            if let Some(later) = of_it.clone().find(|all| all.end > last.begin) {
                return Err(of_client(format!("{last:?} comes before {later:?}")));
            }
        }
        let was_used = expected(world).any(|(of, expected)| of == number && !expected.refused);
        if client.exits && was_used && !may_be_late && world.is_fit(client) {
            let lost: BTreeSet<u32> = world.mishaps.workers.iter().map(|lost| lost.0).collect();
            let all = 0..world.originals() as u32;
            if let Some(missing) = all.filter(|worker| !lost.contains(worker)).find(|worker| !workers.contains(worker))
            {
                return Err(of_client(format!("not on worker {missing}")));
            }
        }
        report(client, &workers).map_err(of_client)?;
    }
    Ok(())
}

/// Looks at what a client is told of it.
fn report(client: &Client, workers: &BTreeSet<u32>) -> Result<(), String> {
    let is_reason = |error: &Error| error.is_broken() || error.is_mpi();
    let items = match client.executor.finish::<u32>() {
        Ok(items) => items,
        Err(error) if is_reason(&error) || error.is_configuration() && !client.exits => return Ok(()),
        Err(error) => return Err(format!("there is no reason for {error}")),
    };
    let mut told = Vec::new();
    for item in items {
        match item {
            Ok(worker) if workers.contains(&worker) => told.push(worker),
            Ok(worker) => return Err(format!("it is said to be done on worker {worker}")),
            Err(error) if error.is_worker_lost() || error.is_timeout() || is_reason(&error) => {}
            Err(error) => return Err(format!("there is no reason for {error}")),
        }
    }
    if told.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(format!("the order is {told:?}")) }
}

/// All calls with the clients that have made them.
fn expected(world: &World) -> impl Iterator<Item = (u32, &super::calls::Expected)> {
    let calls = world.calls.calls.iter().map(|call| (call.client, &call.expected));
    calls.chain(world.calls.maps.iter().flat_map(|map| map.items.iter().map(|item| (map.client, item))))
}
