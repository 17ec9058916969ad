//! The attributes of futures-mpi.
use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, ItemFn, Pat, ReturnType, Type, parse_macro_input};

#[proc_macro_attribute]
pub fn remote_task(attr: TokenStream, item: TokenStream) -> TokenStream {
    let f = parse_macro_input!(item as ItemFn);
    let attr: proc_macro2::TokenStream = attr.into();
    let name = &f.sig.ident;
    let vis = &f.vis;
    let id = if attr.is_empty() {
        let s = name.to_string();
        quote!(concat!(module_path!(), "::", #s))
    } else {
        let t: syn::MetaNameValue = syn::parse2(attr).unwrap();
        let v = t.value;
        quote!(#v)
    };
    let mut tys = vec![];
    let mut decode = vec![];
    let mut pass = vec![];
    for (n, a) in f.sig.inputs.iter().enumerate() {
        let FnArg::Typed(a) = a else { panic!() };
        let v = format_ident!("argument_{n}");
        let label = if let Pat::Ident(i) = &*a.pat { i.ident.to_string() } else { n.to_string() };
        let (ty, by) = match &*a.ty {
            Type::Reference(r) => match &*r.elem {
                Type::Slice(s) => {
                    let e = &s.elem;
                    (quote!(::std::vec::Vec<#e>), quote!(&))
                }
                Type::Path(p) if p.path.is_ident("str") => (quote!(::std::string::String), quote!(&)),
                e => (quote!(#e), quote!(&)),
            },
            t => (quote!(#t), quote!()),
        };
        decode.push(quote!(let #v = input.argument::<#ty>(#label)?;));
        pass.push(quote!(#by #v));
        tys.push(ty);
    }
    let root = match proc_macro_crate::crate_name("futures-mpi") {
        Ok(_) => quote!(::futures_mpi),
        Err(_) => quote!(::futures_mpi_core),
    };
    let (out, body) = match &f.sig.output {
        ReturnType::Default => (quote!(()), quote!(output.result(&#name(#(#pass),*)))),
        ReturnType::Type(_, t) => {
            if let Type::Path(p) = &**t
                && p.path.segments.last().unwrap().ident == "Result"
            {
                (
                    quote!(<#t as #root::__private::ResultOutput>::Ok),
                    quote!(match #name(#(#pass),*) {
                        Ok(v) => output.result(&v),
                        Err(e) => {
                            #[allow(unused_imports)]
                            use #root::__private::{causes::*, typed::*, Returned, Failure};
                            Err(Failure::returned(&e, (&&&Returned(&e)).causes(), (&&Returned(&e)).typed()))
                        }
                    }),
                )
            } else {
                (quote!(#t), quote!(output.result(&#name(#(#pass),*))))
            }
        }
    };
    quote! {
        #f
        #[allow(non_camel_case_types, dead_code, missing_docs)]
        #vis struct #name {}
        #[allow(missing_docs, dead_code)]
        impl #name { #vis const ID: #root::TaskId<(#(#tys,)*), #out> = #root::TaskId::new(#id); }
        const _: () = {
            fn call(input: &mut #root::__private::Input<'_>, output: &mut #root::__private::Output<'_>) -> ::std::result::Result<(), #root::__private::Failure> {
                #(#decode)*
                #body
            }
            #root::__private::inventory::submit! { #root::__private::TaskEntry::new(#id, concat!(file!(), ":", line!()), #root::__private::signature::<(#(#tys,)*), #out>, call) }
        };
    }.into()
}

#[proc_macro_attribute]
pub fn main(_: TokenStream, item: TokenStream) -> TokenStream {
    let f = parse_macro_input!(item as ItemFn);
    let name = &f.sig.ident;
    quote! { fn #name() -> ::std::process::ExitCode { #f ::futures_mpi::__private::run_main(#name) } }.into()
}
