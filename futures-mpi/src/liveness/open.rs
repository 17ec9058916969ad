//! Opens the liveness connections of a pool.

use super::master::Liveness;
use super::setting::{Reach, Setting};
use futures_mpi_core::engine::{Notify, say};

/// The liveness connections of a pool, unless they are not wanted, or not to be had, which is said.
pub(crate) fn watch(setting: Setting, reach: Reach, notify: &Notify) -> Option<Liveness> {
    let address = setting.address(reach)?;
    let notify = notify.clone();
    match Liveness::open(address, move || notify.notify()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            say(&format!(
                "this pool has no liveness connections, so that lost workers may not be noticed: the master cannot listen at \
                 {address} ({error}). {} can name another address, or be 0",
                Setting::VARIABLE
            ));
            None
        }
    }
}
