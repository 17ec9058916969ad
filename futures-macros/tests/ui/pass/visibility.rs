//! The id is as visible as the function.

use futures_mpi_macros::remote_task;

mod tasks {
    pub mod inner {
        use futures_mpi_macros::remote_task;

        #[remote_task]
        pub(crate) fn of_crate() {}

        #[remote_task]
        pub(in crate::tasks) fn of_tasks() {}

        #[remote_task]
        pub(super) fn of_parent() {}
    }

    pub(crate) use inner::of_crate;

    pub fn names() -> [&'static str; 2] {
        [inner::of_tasks::ID.name(), inner::of_parent::ID.name()]
    }
}

use tasks::of_crate;

#[remote_task]
fn private() {}

fn main() {
    of_crate();
    let _ = of_crate::ID;
    let _ = private::ID;
    let _ = tasks::names();

    #[remote_task]
    fn local() {}
    let _ = local::ID;
}
