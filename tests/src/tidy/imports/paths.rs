//! The paths in code, those in the tokens that a macro is given included.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Adds the paths in `code`, each with its line. Names of fields and methods behind a dot, attributes and lifetimes are
/// no paths; single names of variables cannot be told from paths and are among them.
pub(super) fn collect(code: TokenStream, paths: &mut Vec<(Vec<String>, usize)>) {
    let mut reader = Reader { paths, path: Vec::new(), line: 0, before: Before::Other };
    reader.read(code);
    reader.end();
}

struct Reader<'a> {
    paths: &'a mut Vec<(Vec<String>, usize)>,
    /// What has been read of the path that is going on.
    path: Vec<String>,
    line: usize,
    before: Before,
}

/// What stands before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Ident,
    /// The first of two colons.
    Colon,
    /// Two colons that go on with the path.
    Onward,
    /// Two colons at whose left is no path that can be followed.
    Elsewhere,
    /// A dot or the mark of a lifetime.
    Mark,
    Hash,
    Other,
}

impl Reader<'_> {
    fn read(&mut self, code: TokenStream) {
        for token in code {
            let before = self.before;
            self.before = match token {
                TokenTree::Ident(ident) => {
                    match before {
                        Before::Onward => self.path.push(ident.to_string()),
                        Before::Mark | Before::Elsewhere => self.end(),
                        _ => {
                            self.end();
                            self.path.push(ident.to_string());
                            self.line = ident.span().start().line;
                        }
                    }
                    Before::Ident
                }
                TokenTree::Punct(mark) => match (mark.as_char(), before) {
                    (':', Before::Colon) if self.path.is_empty() => Before::Elsewhere,
                    (':', Before::Colon) => Before::Onward,
                    (':', _) if mark.spacing() == Spacing::Joint => {
                        if before != Before::Ident {
                            self.end();
                        }
                        Before::Colon
                    }
                    // Two dots are a range, or the rest of a struct.
                    ('.', Before::Mark) => Before::Other,
                    ('.' | '\'', _) => Before::Mark,
                    ('#', _) => Before::Hash,
                    ('!', Before::Hash) => Before::Hash,
                    _ => Before::Other,
                },
                TokenTree::Group(group) if before == Before::Hash && group.delimiter() == Delimiter::Bracket => {
                    Before::Other
                }
                TokenTree::Group(group) => {
                    self.end();
                    self.before = Before::Other;
                    self.read(group.stream());
                    self.end();
                    Before::Other
                }
                TokenTree::Literal(_) => Before::Other,
            };
            if !matches!(self.before, Before::Ident | Before::Colon | Before::Onward) {
                self.end();
            }
        }
    }

    /// The path that is going on has come to its end.
    fn end(&mut self) {
        if !self.path.is_empty() {
            self.paths.push((std::mem::take(&mut self.path), self.line));
        }
    }
}
