//! Opens the life lines of a pool.

use super::master::Watch;
use super::setting::{Reach, Setting};
use futures_mpi_core::engine::{Notify, say};

/// The life lines of a pool, unless they are not wanted, or not to be had, which is said.
pub(crate) fn watch(setting: Setting, reach: Reach, notify: &Notify) -> Option<Watch> {
    let address = setting.address(reach)?;
    let notify = notify.clone();
    match Watch::open(address, move || notify.notify()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            say(&format!(
                "this pool has no life lines, so that lost workers may not be noticed: the master cannot listen at \
                 {address} ({error}). {} can name another address, or be 0",
                Setting::VARIABLE
            ));
            None
        }
    }
}
