//! What the user's crate calls the library.

use proc_macro_crate::{Error as NotLocated, FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Path, Result};

/// The packages that have what `#[remote_task]` generates calls of, the one that users depend on first.
pub(crate) const ANY: &[Package] = &[MPI, Package { name: "futures-mpi-core", library: "futures_mpi_core" }];

/// The package that has what `#[futures_mpi::main]` generates a call of.
pub(crate) const MPI: Package = Package { name: "futures-mpi", library: "futures_mpi" };

/// A package, and its library's name where nobody has renamed it.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    name: &'static str,
    library: &'static str,
}

/// The path of the first of `packages` on which the user's crate depends; `given` is the user's own word.
pub(crate) fn library(given: Option<&Path>, packages: &[Package]) -> Result<TokenStream> {
    match given {
        Some(path) => Ok(path.to_token_stream()),
        None => choose(packages, crate_name),
    }
}

fn choose(packages: &[Package], find: fn(&str) -> Found) -> Result<TokenStream> {
    for package in packages {
        match find(package.name) {
            Ok(FoundCrate::Name(name)) => return Ok(extern_path(&name)),
            // The library's own tests and examples are crates of the same package; in the library, `extern crate self`
            // makes this path work.
            Ok(FoundCrate::Itself) => return Ok(extern_path(package.library)),
            Err(NotLocated::CrateNotFound { .. }) => {}
            // Without Cargo nobody can have renamed anything there.
            Err(_) => return Ok(extern_path(package.library)),
        }
    }
    Err(Error::new(
        Span::call_site(),
        "`futures-mpi` is not among the dependencies in Cargo.toml: add it, or say where it is with `crate = path`",
    ))
}

type Found = std::result::Result<FoundCrate, NotLocated>;

fn extern_path(name: &str) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    quote!(::#name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(find: fn(&str) -> Found) -> String {
        choose(ANY, find).map_or_else(|error| error.to_string(), |path| path.to_string())
    }

    fn not_found(name: &str) -> Found {
        Err(NotLocated::CrateNotFound { crate_name: name.to_owned(), path: "Cargo.toml".into() })
    }

    #[test]
    fn the_users_name_of_the_library_is_taken() {
        assert_eq!(chosen(|_| Ok(FoundCrate::Name("fm".to_owned()))), ":: fm");
    }

    #[test]
    fn the_core_will_do_where_there_is_no_mpi() {
        let only_core = |name: &str| if name == "futures-mpi-core" { Ok(FoundCrate::Itself) } else { not_found(name) };
        assert_eq!(chosen(only_core), ":: futures_mpi_core");
    }

    #[test]
    fn without_cargo_the_library_has_its_own_name() {
        assert_eq!(chosen(|_| Err(NotLocated::CargoManifestDirNotSet)), ":: futures_mpi");
    }

    #[test]
    fn a_missing_dependency_is_named() {
        assert!(chosen(not_found).starts_with("`futures-mpi` is not among the dependencies"));
    }
}
