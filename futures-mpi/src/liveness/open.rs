//! Opens the liveness connections of a pool.

use super::master::Liveness;
use super::setting::{Ports, Reach, Setting};
use futures_mpi_core::engine::{Notify, say};

/// The liveness connections of a pool, unless they are not wanted, or not to be had, which is said.
pub(crate) fn watch(setting: Setting, reach: Reach, notify: &Notify) -> Option<Liveness> {
    let Setting::On(terms) = setting else { return None };
    let notify = notify.clone();
    match Liveness::open(terms, reach, move || notify.notify()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            let ports = match terms.ports {
                Ports(0, _) => String::new(),
                Ports(first, last) if first == last => format!(", port {first}"),
                Ports(first, last) => format!(", ports {first} to {last}"),
            };
            say(&format!(
                "this pool has no liveness connections, so a lost worker may go unnoticed: the master cannot listen at \
                 {}{ports} ({error}). Set {} to another address or other ports, or to 0 to turn the connections off",
                terms.address(reach),
                Setting::VARIABLE
            ));
            None
        }
    }
}
