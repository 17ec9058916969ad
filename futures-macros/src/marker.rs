//! The struct that stands beside a function and carries its id.

use crate::parse::Function;
use crate::role::Role;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

/// The struct `name {}`, which with braces lives among the types only and so beside the function. `id` is the type and
/// the value of `ID`.
pub(crate) fn marker(function: &Function, role: Role, id: &TokenStream) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let ident = &sig.ident;
    let struct_doc = format!("The {1} `{0}`, of which `{0}::ID` is the id.", ident.unraw(), role.noun());
    let id_doc = format!("The id by which executors take the {} `{}`.", role.noun(), ident.unraw());
    quote! {
        #[doc = #struct_doc]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #ident {}

        #[allow(dead_code)]
        impl #ident {
            #[doc = #id_doc]
            #vis const ID: #id;
        }
    }
}
