//! The code of a Rust file without its comments and texts, line for line, and words in it.

/// The text with comments and the contents of string and character literals replaced by spaces; lines stay in place.
pub fn code_only(text: &str) -> String {
    let mut blank = Blank { rest: text, code: String::with_capacity(text.len()) };
    while let Some(next) = blank.rest.chars().next() {
        let after_word = blank.code.ends_with(is_word_char);
        if blank.rest.starts_with("//") {
            blank.hide_until(|rest| rest.find('\n').unwrap_or(rest.len()));
        } else if blank.rest.starts_with("/*") {
            blank.hide_until(block_comment_length);
        } else if let Some(hashes) = raw_string_hashes(blank.rest).filter(|_| !after_word) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = blank.rest.find('"').map_or(0, |quote| quote + 1);
            blank.hide_until(|rest| rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len()));
        } else if next == '"' {
            blank.hide_until(|rest| quoted_length(rest, '"'));
        } else if next == '\'' && is_character(blank.rest) {
            blank.hide_until(|rest| quoted_length(rest, '\''));
        } else {
            blank.keep(next.len_utf8());
        }
    }
    blank.code
}

/// The lines of `code`, from one, in which `word` stands as a word of its own; `std::time` is a word here, too.
pub fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let numbered = code.lines().enumerate();
    numbered.filter(|(_, line)| !positions_of_word(line, word).is_empty()).map(|(index, _)| index + 1).collect()
}

/// Where `word` stands in `code`, not as a part of a longer word.
pub fn positions_of_word(code: &str, word: &str) -> Vec<usize> {
    let whole = |&at: &usize| {
        let before = code[..at].ends_with(is_word_char) && word.starts_with(is_word_char);
        let after = code[at + word.len()..].starts_with(is_word_char) && word.ends_with(is_word_char);
        !before && !after
    };
    code.match_indices(word).map(|(at, _)| at).filter(whole).collect()
}

/// The line, from one, of a position.
pub fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// The code before an inline module of tests, which may do what the code itself may not.
pub fn without_inline_tests(code: &str) -> &str {
    code.match_indices("#[cfg(test)]")
        .find(|(at, attribute)| code[at + attribute.len()..].trim_start().starts_with("mod tests {"))
        .map_or(code, |(at, _)| &code[..at])
}

struct Blank<'a> {
    rest: &'a str,
    code: String,
}

impl Blank<'_> {
    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.code.push_str(kept);
        self.rest = rest;
    }

    fn hide_until(&mut self, length: impl FnOnce(&str) -> usize) {
        let (hidden, rest) = self.rest.split_at(length(self.rest));
        self.code.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The number of hashes of `r#"`, `br"`, `cr##"` and so on at the beginning of `rest`.
fn raw_string_hashes(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let text = after.trim_start_matches('#');
    text.starts_with('"').then_some(after.len() - text.len())
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Whether a quote begins a character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_hidden_and_code_stays() {
        let table = [
            ("a // hidden", "a"),
            ("a /* hidden /* hidden */ hidden */ b", "a b"),
            ("a(\"hidden \\\" hidden // hidden\") b", "a( ) b"),
            ("r\"hidden\\\" b", "b"),
            ("br#\"hidden \" hidden\"# b", "b"),
            ("for_r\"hidden\" b", "for_r b"),
            ("b'\\'' + 'h' + '\"' + b", "b + + + b"),
            ("fn a<'a>(b: &'a str, c: 'static) { '\\u{1F600}' }", "fn a<'a>(b: &'a str, c: 'static) { }"),
            ("let r#type = 1;", "let r#type = 1;"),
            ("\"never closed", ""),
        ];
        for (text, expected) in table {
            let code = code_only(text);
            assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
        }
        assert_eq!(code_only("a /*\n\n*/ \"\n\" b").matches('\n').count(), 3);
    }

    #[test]
    fn words_are_whole() {
        let code = "unsafe_code\nunsafe {\nstd::time::Instant\nmystd::time\nprintln!(";
        assert_eq!(lines_with_word(code, "unsafe"), [2]);
        assert_eq!(lines_with_word(code, "std::time"), [3]);
        assert_eq!(lines_with_word(code, "Instant"), [3]);
        assert_eq!(lines_with_word(code, "println!"), [5]);
        assert_eq!(lines_with_word(code, "print"), [0_usize; 0]);
    }

    #[test]
    fn inline_tests_are_cut_off() {
        assert_eq!(without_inline_tests("a\n#[cfg(test)]\nmod tests {\nb }"), "a\n");
        assert_eq!(without_inline_tests("a\n#[cfg(test)]\nmod tests;\nb"), "a\n#[cfg(test)]\nmod tests;\nb");
    }
}
