//! What is to be generated for a function that has passed validation.

use crate::locate::Library;
use crate::parse::{Function, Keys};
use crate::role::Role;
use crate::state;
use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, GenericArgument, Lifetime, LitStr, Pat, PatType, Path, PathArguments, ReturnType, Type, TypePath};

/// A function and all that the generated code has to say about it.
pub(crate) struct Task {
    pub(crate) function: Function,
    pub(crate) role: Role,
    /// The path of the library in the user's crate.
    pub(crate) library: TokenStream,
    /// The id that the user gave.
    pub(crate) id: Option<LitStr>,
    /// Those that travel.
    pub(crate) arguments: Vec<Argument>,
    /// The state that it borrows on the worker.
    pub(crate) state: Option<Borrowed>,
    pub(crate) output: Output,
}

/// One argument, in the order of the signature.
pub(crate) struct Argument {
    /// What messages call it.
    pub(crate) name: String,
    /// The type of the value that travels.
    pub(crate) owned: Owned,
    /// Whether the function takes a reference to it.
    pub(crate) is_lent: bool,
}

/// The state that a task function borrows.
pub(crate) struct Borrowed {
    /// Its place among the parameters.
    pub(crate) position: usize,
    /// The type of the state, in which every lifetime is `'static`.
    pub(crate) ty: Type,
    /// Whether the function may change it.
    pub(crate) is_mutable: bool,
}

/// The type of a value that travels, in which every lifetime is `'static`.
pub(crate) enum Owned {
    /// The type as it is written.
    Same(Type),
    /// A `String`, for a `&str`.
    String(Path),
    /// A vector of these elements, for a slice.
    Vec(Type),
    /// What is lent as a type called `Path`, which may be the standard library's or the user's.
    Path(Type),
}

/// What the function returns.
pub(crate) enum Output {
    /// Nothing is written.
    Unit,
    /// An ordinary value.
    Value(Type),
    /// A `Result`, whose `Err` fails the future; and its arguments, as far as they are written.
    Result(Type, Vec<Type>),
}

impl Task {
    /// A function that has passed validation, registered with `library`.
    pub(crate) fn new(function: Function, role: Role, keys: &Keys, library: Library) -> Task {
        let state = Borrowed::of(&function);
        Task {
            role,
            library: library.path(keys.library.as_ref()),
            id: keys.id.clone(),
            arguments: function.sig.inputs.iter().enumerate().filter_map(Argument::new).collect(),
            output: Output::new(&function.sig.output),
            state,
            function: state::without_marks(function),
        }
    }
}

impl Argument {
    fn new((index, argument): (usize, &FnArg)) -> Option<Argument> {
        let FnArg::Typed(argument) = argument else { return None };
        let PatType { pat, ty, .. } = argument;
        if state::mark(argument).is_some() {
            return None;
        }
        let name = match &**pat {
            Pat::Ident(pattern) => pattern.ident.unraw().to_string(),
            _ => format!("#{}", index + 1),
        };
        let (owned, is_lent) = match peel(ty) {
            Type::Reference(reference) => (Owned::lent_as(peel(&reference.elem)), true),
            ty => (Owned::Same(without_lifetimes(ty)), false),
        };
        Some(Argument { name, owned, is_lent })
    }
}

impl Borrowed {
    /// The state of a function that has passed validation, if it borrows one.
    pub(crate) fn of(function: &Function) -> Option<Borrowed> {
        function.sig.inputs.iter().enumerate().find_map(|(position, argument)| {
            let FnArg::Typed(argument) = argument else { return None };
            let Type::Reference(reference) = peel(&argument.ty) else { return None };
            state::mark(argument)?;
            let ty = without_lifetimes(peel(&reference.elem));
            Some(Borrowed { position, ty, is_mutable: reference.mutability.is_some() })
        })
    }
}

impl Owned {
    /// What is owned by whoever lends `&ty`.
    fn lent_as(ty: &Type) -> Owned {
        match ty {
            Type::Slice(slice) => Owned::Vec(without_lifetimes(&slice.elem)),
            Type::Path(TypePath { qself: None, path, .. }) if path.is_ident("str") => Owned::String(path.clone()),
            Type::Path(_) if last_name_is(ty, "Path") => Owned::Path(without_lifetimes(ty)),
            _ => Owned::Same(without_lifetimes(ty)),
        }
    }
}

impl Output {
    fn new(output: &ReturnType) -> Output {
        match output {
            ReturnType::Default => Output::Unit,
            ReturnType::Type(_, ty) => {
                let arguments = || result_arguments(peel(ty)).into_iter().cloned().collect();
                let ty = without_lifetimes(peel(ty));
                if is_result(&ty) { Output::Result(ty, arguments()) } else { Output::Value(ty) }
            }
        }
    }
}

/// The type without parentheses, written or left by a `macro_rules` fragment.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

/// Whether the type is written as a text or as numbers in a row: `String`, `Vec<f64>`, `Box<[f64]>` and the like, whose
/// memory can be handed over. A type that is only called so is no harm: its values are encoded.
pub(crate) fn is_block(ty: &Type) -> bool {
    const NUMBERS: [&str; 12] = ["u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64"];
    let is_number = |ty: &Type| NUMBERS.iter().any(|name| last_name_is(ty, name));
    match (arguments_of(ty).as_slice(), peel(ty)) {
        ([], ty) => last_name_is(ty, "String"),
        ([element], ty) if last_name_is(ty, "Vec") => is_number(peel(element)),
        ([Type::Slice(slice)], ty) if last_name_is(ty, "Box") => is_number(peel(&slice.elem)),
        _ => false,
    }
}

/// Whether the type is written `Result`, with whatever path and arguments.
pub(crate) fn is_result(ty: &Type) -> bool {
    last_name_is(ty, "Result")
}

/// The types in the angle brackets of a type that is written `Result`: first the value's, then perhaps the error's.
pub(crate) fn result_arguments(ty: &Type) -> Vec<&Type> {
    if is_result(ty) { arguments_of(ty) } else { Vec::new() }
}

/// The types in the angle brackets behind the last name of a type.
fn arguments_of(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Path(TypePath { path, .. }) => match path.segments.last().map(|last| &last.arguments) {
            Some(PathArguments::AngleBracketed(arguments)) => arguments.args.iter().filter_map(only_type).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn only_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

fn last_name_is(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(TypePath { path, .. }) if path.segments.last().is_some_and(|last| last.ident == name))
}

/// The type of the same values when they are owned: a decoded value borrows from nothing.
pub(crate) fn without_lifetimes(ty: &Type) -> Type {
    struct Static;

    impl VisitMut for Static {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }

        // The lifetimes of a function pointer or of `for<'a>` are its own.
        fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}

        fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
            let span = reference.and_token.span;
            reference.lifetime = Some(Lifetime::new("'static", span));
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }

    let mut ty = ty.clone();
    Static.visit_type_mut(&mut ty);
    ty
}
