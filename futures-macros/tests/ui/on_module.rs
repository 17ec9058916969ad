//! The attribute on a module.

use futures_mpi_macros::remote_task;

#[remote_task]
mod power {
    pub fn power() {}
}

fn main() {}
