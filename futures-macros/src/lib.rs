//! The attributes of futures-mpi: they generate calls of `futures_mpi_core::__private` and contain no logic of their
//! own.
//!
//! An attribute's way: `parse` (tokens to syntax) → `validate` (what cannot be sent to a worker) → `model` (what is to
//! be generated) → `expand`; or, on a mistake, `fallback`. `locate` has the path of the library. Users take the
//! attributes from the library that they depend on: `remote_task` stands in `futures_mpi_core`, `remote_task_with_mpi`
//! in `futures_mpi` under the name `remote_task`;
//! `remote_state` likewise.

mod expand;
mod fallback;
mod locate;
mod main_function;
mod marker;
mod model;
mod parse;
mod role;
mod state;
mod validate;

use locate::Library;
use proc_macro::TokenStream;

#[doc = include_str!("remote_task.md")]
#[proc_macro_attribute]
pub fn remote_task(keys: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote_task(keys.into(), item.into(), Library::Core).into()
}

// The examples are tested with the other attribute.
#[cfg_attr(not(doctest), doc = include_str!("remote_task.md"))]
#[proc_macro_attribute]
pub fn remote_task_with_mpi(keys: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote_task(keys.into(), item.into(), Library::Mpi).into()
}

#[doc = include_str!("remote_state.md")]
#[proc_macro_attribute]
pub fn remote_state(keys: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote_state(keys.into(), item.into(), Library::Core).into()
}

// The examples are tested with the other attribute.
#[cfg_attr(not(doctest), doc = include_str!("remote_state.md"))]
#[proc_macro_attribute]
pub fn remote_state_with_mpi(keys: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote_state(keys.into(), item.into(), Library::Mpi).into()
}

/// Makes `main` the main function of an MPI program: the master runs it, workers serve the pool instead.
///
/// Around the function's body MPI is initialised and finalised, also when it panics or returns `Err`; the job then ends
/// with a non-zero status. Which role a process has is decided before the body starts; a worker never runs it.
///
/// The function takes no arguments and returns whatever a main function may return. Its attributes are kept. An `async`
/// runtime is entered inside: block on it in the body, or put its own attribute above this one.
///
/// The one key is `crate = path`, the path of `futures_mpi`, for a dependency that `Cargo.toml` renames, and for a main
/// function that another crate's macro generates.
///
/// ```
/// # mod futures_mpi {
/// #     pub use futures_mpi_macros::main;
/// #     pub mod __private {
/// #         pub fn run_main<R: std::process::Termination>(main: fn() -> R) -> std::process::ExitCode {
/// #             main().report()
/// #         }
/// #     }
/// # }
/// # macro_rules! shown { () => {
/// #[futures_mpi::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     println!("only the master says this");
///     Ok(())
/// }
/// # }}
/// # #[futures_mpi::main(crate = crate::futures_mpi)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #     println!("only the master says this");
/// #     Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn main(keys: TokenStream, item: TokenStream) -> TokenStream {
    main_function::expand(keys.into(), item.into()).into()
}
