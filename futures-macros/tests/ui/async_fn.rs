//! An `async fn`, whose id is used.

use futures_mpi_macros::remote_task;

#[remote_task]
async fn fetch(url: String) -> usize {
    url.len()
}

fn main() {
    println!("{}", submit(fetch::ID, "url"));
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
