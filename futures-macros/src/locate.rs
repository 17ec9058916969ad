//! The path by which generated code names the library.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Path;

/// The libraries that have what attributes generate calls of. Each exports attributes that name itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// `futures_mpi_core`, without MPI.
    Core,
    /// `futures_mpi`, the one that most programs depend on.
    Mpi,
}

impl Library {
    /// Its path in the user's crate: what the key `crate` says, else the name under which it is published.
    pub(crate) fn path(self, given: Option<&Path>) -> TokenStream {
        if let Some(path) = given {
            return path.to_token_stream();
        }
        let name = match self {
            Library::Core => "futures_mpi_core",
            Library::Mpi => "futures_mpi",
        };
        let name = Ident::new(name, Span::call_site());
        quote!(::#name)
    }
}
