//! A generic function, whose id is used.

use futures_mpi_macros::remote_task;

#[remote_task]
fn largest<T: Ord>(values: Vec<T>) -> Option<T> {
    values.into_iter().max()
}

fn main() {
    let largest: Option<u8> = submit(largest::ID, vec![1, 2]);
    assert_eq!(largest, Some(2));
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
