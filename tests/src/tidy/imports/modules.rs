//! The modules of a crate, read from its files: what each defines and imports, and to what a path leads.

use super::paths;
use crate::tidy::files::Text;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeMap;
use std::mem;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Item, ItemImpl, ItemMod, ItemTrait, ItemUse, Stmt, UseTree, Visibility};

/// So many imports may lead from one to the next; more are a mistake, which the compiler finds.
const STEPS_MAX: usize = 32;

/// All modules of a crate; the first is its root.
#[derive(Default)]
pub(super) struct Crate {
    pub(super) modules: Vec<Module>,
}

/// A module, in a file of its own or within another's.
#[derive(Default)]
pub(super) struct Module {
    pub(super) file: String,
    parent: usize,
    names: BTreeMap<String, Vec<Name>>,
    pub(super) imports: Vec<Import>,
    /// The paths in its code, each with its line.
    pub(super) paths: Vec<(Vec<String>, usize)>,
}

/// What a name stands for; there may be one in each namespace.
#[derive(Clone)]
enum Name {
    /// An item of this module.
    Item(usize),
    Module(usize),
    Import(Vec<String>),
}

/// One branch of a `use`.
pub(super) struct Import {
    pub(super) path: Vec<String>,
    pub(super) is_glob: bool,
    pub(super) passed_on: bool,
    pub(super) line: usize,
}

/// Where a path leads to, by the number of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// An item that is defined there.
    Item(usize),
    Module(usize),
}

impl Crate {
    /// Reads the modules from the root on.
    pub(super) fn read(files: &[Text], root: &str) -> Result<Crate, String> {
        let mut crate_ = Crate::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        crate_.read_file(files, root, folder, 0)?;
        Ok(crate_)
    }

    /// Reads a file, whose modules lie in `folder`; the number of its module.
    fn read_file(&mut self, files: &[Text], path: &str, folder: &str, parent: usize) -> Result<usize, String> {
        let file = files.iter().find(|file| file.path == path).ok_or_else(|| format!("{path} is missing"))?;
        let mut parsed = syn::parse_file(&file.text).map_err(|error| format!("{path}: {error}"))?;
        WithoutTests.visit_file_mut(&mut parsed);
        self.read_module(files, (path, folder), parsed.items, parent)
    }

    fn read_module(
        &mut self,
        files: &[Text],
        (file, folder): (&str, &str),
        items: Vec<Item>,
        parent: usize,
    ) -> Result<usize, String> {
        let number = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        for mut item in items {
            match item {
                Item::Use(item) => self.modules[number].take_use(&item, true),
                Item::Mod(item) => {
                    let child = self.read_child(files, (file, folder), &item, number)?;
                    self.modules[number].name(&item.ident.to_string(), Name::Module(child));
                }
                _ => {
                    let mut local = LocalUses::default();
                    local.visit_item_mut(&mut item);
                    let module = &mut self.modules[number];
                    local.0.iter().for_each(|item| module.take_use(item, false));
                    module.take_code(item.to_token_stream());
                    self.take_names(number, &item);
                }
            }
        }
        Ok(number)
    }

    fn read_child(
        &mut self,
        files: &[Text],
        (file, folder): (&str, &str),
        item: &ItemMod,
        parent: usize,
    ) -> Result<usize, String> {
        let within = format!("{folder}/{}", item.ident);
        if let Some((_, items)) = &item.content {
            return self.read_module(files, (file, &within), items.clone(), parent);
        }
        if let Some(path) = attribute_value(item, "path") {
            let here = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = format!("{here}/{path}");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            return self.read_file(files, &path, &folder, parent);
        }
        let beside = format!("{within}.rs");
        let inside = format!("{within}/mod.rs");
        let path = if files.iter().any(|file| file.path == beside) { beside } else { inside };
        self.read_file(files, &path, &within, parent)
    }

    fn take_names(&mut self, number: usize, item: &Item) {
        let ident = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::ExternCrate(item) => {
                if let (true, Some((_, name))) = (item.ident == "self", &item.rename) {
                    self.modules[number].name(&name.to_string(), Name::Module(0));
                }
                return;
            }
            Item::Macro(item) => match &item.ident {
                Some(ident) => {
                    if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                        self.modules[0].name(&ident.to_string(), Name::Item(number));
                    }
                    ident
                }
                None => return,
            },
            _ => return,
        };
        self.modules[number].name(&ident.to_string(), Name::Item(number));
    }

    /// Where a path leads to that stands in this module; `None` if out of the crate, or nowhere.
    pub(super) fn resolve(&self, at: usize, path: &[String]) -> Option<Target> {
        self.resolve_by(at, path, 0)
    }

    fn resolve_by(&self, at: usize, path: &[String], steps: usize) -> Option<Target> {
        if steps > STEPS_MAX {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let from = match &**first {
            "crate" => 0,
            "self" => at,
            "super" => self.modules[at].parent,
            _ => return self.find(at, path, steps),
        };
        let (from, rest) = self.climb(from, rest);
        if rest.is_empty() {
            return Some(Target::Module(from));
        }
        // What is not found is made by a macro, in the last module that is found.
        let made = || match (1..rest.len()).rev().find_map(|length| self.find(from, &rest[..length], steps)) {
            Some(Target::Item(number) | Target::Module(number)) => Target::Item(number),
            None => Target::Item(from),
        };
        Some(self.find(from, rest, steps).unwrap_or_else(made))
    }

    fn climb<'p>(&self, mut at: usize, mut path: &'p [String]) -> (usize, &'p [String]) {
        while let Some((_, rest)) = path.split_first().filter(|(first, _)| *first == "super") {
            (at, path) = (self.modules[at].parent, rest);
        }
        (at, path)
    }

    /// Where a path leads to that begins with a name of this module.
    fn find(&self, at: usize, path: &[String], steps: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[at];
        let onward = |target: Option<Target>| match target {
            Some(Target::Module(number)) if !rest.is_empty() => self.find(number, rest, steps + 1),
            target => target,
        };
        let named = module.names.get(first).into_iter().flatten().find_map(|name| match name {
            Name::Item(number) => Some(Target::Item(*number)),
            Name::Module(number) => onward(Some(Target::Module(*number))),
            Name::Import(path) => onward(self.resolve_by(at, path, steps + 1)),
        });
        let globs = module.imports.iter().filter(|import| import.is_glob);
        let from_glob = |import: &Import| match self.resolve_by(at, &import.path, steps + 1) {
            Some(Target::Module(number)) if number != at && steps < STEPS_MAX => self.find(number, path, steps + 1),
            _ => None,
        };
        named.or_else(|| globs.filter_map(from_glob).next())
    }
}

impl Module {
    fn name(&mut self, name: &str, what: Name) {
        self.names.entry(name.to_owned()).or_default().push(what);
    }

    fn take_use(&mut self, item: &ItemUse, may_pass_on: bool) {
        if item.leading_colon.is_none() {
            let passed_on = may_pass_on && !matches!(item.vis, Visibility::Inherited);
            self.take_tree(&mut Vec::new(), &item.tree, passed_on);
        }
    }

    fn take_tree(&mut self, before: &mut Vec<String>, tree: &UseTree, passed_on: bool) {
        let (ident, name) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take_tree(before, &path.tree, passed_on);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.take_tree(before, tree, passed_on));
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.imports.push(Import { path: before.clone(), is_glob: true, passed_on, line });
                return;
            }
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        let mut path = before.clone();
        let is_module_itself = ident == "self" && !path.is_empty();
        if !is_module_itself {
            path.push(ident.to_string());
        }
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name.to_string() };
        self.name(&name, Name::Import(path.clone()));
        self.imports.push(Import { path, is_glob: false, passed_on, line: ident.span().start().line });
    }

    fn take_code(&mut self, code: TokenStream) {
        paths::collect(code, &mut self.paths);
    }
}

/// Takes the code for tests away.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, item: &mut ItemMod) {
        if let Some((_, items)) = &mut item.content {
            items.retain(|item| !is_for_tests(item));
        }
        visit_mut::visit_item_mod_mut(self, item);
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        item.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_item_trait_mut(&mut self, item: &mut ItemTrait) {
        item.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| !is_for_tests(statement));
        visit_mut::visit_block_mut(self, block);
    }
}

/// Takes imports out of the bodies of functions.
#[derive(Default)]
struct LocalUses(Vec<ItemUse>);

impl VisitMut for LocalUses {
    fn visit_block_mut(&mut self, block: &mut Block) {
        for statement in mem::take(&mut block.stmts) {
            match statement {
                Stmt::Item(Item::Use(item)) => self.0.push(item),
                statement => block.stmts.push(statement),
            }
        }
        visit_mut::visit_block_mut(self, block);
    }
}

/// Whether one of the attributes leaves this to tests.
fn is_for_tests(node: &impl ToTokens) -> bool {
    let mut tokens = node.to_token_stream().into_iter();
    while let (Some(TokenTree::Punct(mark)), Some(TokenTree::Group(attribute))) = (tokens.next(), tokens.next()) {
        let attribute = attribute.stream().to_string().replace(' ', "");
        if mark.as_char() == '#' && (attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,")) {
            return true;
        }
    }
    false
}

/// The text of an attribute `#[key = "text"]`.
fn attribute_value(item: &ItemMod, key: &str) -> Option<String> {
    let attribute = item.attrs.iter().find(|attribute| attribute.path().is_ident(key))?;
    let text = attribute.to_token_stream().to_string();
    text.split('"').nth(1).map(str::to_owned)
}
