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
                "this pool has no liveness connections, so a lost worker may go unnoticed: the master cannot listen at \
                 {address} ({error}). Set {} to another address, or to 0 to turn the connections off",
                Setting::VARIABLE
            ));
            None
        }
    }
}
