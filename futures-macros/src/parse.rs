//! Tokens to syntax: an attribute's keys and the function below it; judges grammar only.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Ident, Item, LitStr, Path, Result, Signature, Token, Visibility};

/// A function whose body is kept as it was written, so that nothing in it can trouble this crate.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: TokenStream,
}

impl Function {
    /// The function in `item`; an error if it is anything else. `attribute` is how the user wrote the attribute.
    pub(crate) fn parse(item: TokenStream, attribute: &str) -> Result<Function> {
        syn::parse2(item.clone()).map_err(|error| match syn::parse2::<Item>(item).as_ref().map(kind) {
            Ok(Some(kind)) => Error::new(
                Span::call_site(),
                format!("`{attribute}` belongs on a function, and this is {kind}: move it to a `fn`"),
            ),
            _ => error,
        })
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let function = Function {
            attrs: Attribute::parse_outer(input)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: TokenStream::new(),
        };
        if input.peek(Token![;]) {
            return Err(input.error("this function has no body: put the attribute on one that has"));
        }
        Ok(Function { body: input.parse()?, ..function })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Function { attrs, vis, sig, body } = self;
        tokens.extend(quote::quote!(#(#attrs)* #vis #sig #body));
    }
}

/// What stands in an attribute's parentheses.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) id: Option<LitStr>,
    pub(crate) library: Option<Path>,
}

/// The attributes by the keys that they take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// `#[remote_task]`
    IdAndCrate,
    /// `#[futures_mpi::main]`
    Crate,
}

impl Keys {
    pub(crate) fn parse(tokens: TokenStream, accepted: Accepted) -> Result<Keys> {
        let parser = |input: ParseStream<'_>| {
            let mut keys = Keys::default();
            while !input.is_empty() {
                keys.parse_key(input, accepted)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(keys)
        };
        parser.parse2(tokens)
    }

    fn parse_key(&mut self, input: ParseStream<'_>, accepted: Accepted) -> Result<()> {
        let key = input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), accepted.usage()))?;
        match key.to_string().as_str() {
            "id" if accepted == Accepted::IdAndCrate => {
                refuse_second(&key, self.id.is_some())?;
                self.id = Some(parse_id(input)?);
            }
            "crate" => {
                refuse_second(&key, self.library.is_some())?;
                self.library = Some(parse_crate(input)?);
            }
            other => return Err(Error::new(key.span(), format!("unknown key `{other}`: {}", accepted.usage()))),
        }
        Ok(())
    }
}

impl Accepted {
    fn usage(self) -> &'static str {
        match self {
            Accepted::IdAndCrate => "the keys are `id = \"...\"` and `crate = path`",
            Accepted::Crate => "the one key is `crate = path`",
        }
    }
}

fn refuse_second(key: &Ident, is_second: bool) -> Result<()> {
    if is_second {
        return Err(Error::new(key.span(), format!("`{key}` is given twice: remove one of them")));
    }
    Ok(())
}

fn parse_id(input: ParseStream<'_>) -> Result<LitStr> {
    const USAGE: &str = "an id is written as a string literal: `id = \"project/task\"`";
    let id: LitStr = parse_value(input, USAGE)?;
    if id.value().trim().is_empty() {
        return Err(Error::new(id.span(), "an id cannot be empty: name the task, or leave `id` out to use its path"));
    }
    Ok(id)
}

fn parse_crate(input: ParseStream<'_>) -> Result<Path> {
    let parse_path = |input: ParseStream<'_>| input.call(Path::parse_mod_style);
    parse_value_with(input, parse_path, "`crate` takes the path of the library: `crate = futures_mpi`")
}

fn parse_value<T: Parse>(input: ParseStream<'_>, usage: &str) -> Result<T> {
    parse_value_with(input, T::parse, usage)
}

fn parse_value_with<T>(input: ParseStream<'_>, parser: fn(ParseStream<'_>) -> Result<T>, usage: &str) -> Result<T> {
    let parse = || {
        input.parse::<Token![=]>()?;
        parser(input)
    };
    let value = parse().map_err(|error| Error::new(error.span(), usage))?;
    if input.is_empty() || input.peek(Token![,]) {
        Ok(value)
    } else if input.peek(Ident::peek_any) {
        Err(input.error("the keys are separated by a comma: put one before this key"))
    } else {
        Err(input.error(usage))
    }
}

/// What an item that is no function is called.
fn kind(item: &Item) -> Option<&'static str> {
    Some(match item {
        Item::Const(_) => "a constant",
        Item::Enum(_) => "an enum",
        Item::ExternCrate(_) => "an `extern crate`",
        Item::ForeignMod(_) => "an `extern` block",
        Item::Impl(_) => "an `impl` block",
        Item::Macro(_) => "a macro",
        Item::Mod(_) => "a module",
        Item::Static(_) => "a static",
        Item::Struct(_) => "a struct",
        Item::Trait(_) | Item::TraitAlias(_) => "a trait",
        Item::Type(_) => "a type alias",
        Item::Union(_) => "a union",
        Item::Use(_) => "a `use`",
        _ => return None,
    })
}
