//! A look at the text of a script before anything parses it.
//!
//! It knows just enough of Rhai's lexis to tell code from texts and comments. It finds what the
//! parser would not survive (nesting), what it would not notice (a comment that never ends), and
//! whether a prompt's input goes on.

/// What was found. Offsets are bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// How deep brackets nest, and where that depth is reached first.
    pub(crate) depth: usize,
    pub(crate) deepest: usize,
    /// The longest chain of operators, dots or `else` in one expression, and where it ends.
    pub(crate) chain: usize,
    pub(crate) longest: usize,
    /// Brackets that are still open at the end.
    pub(crate) open: Vec<usize>,
    /// A `/*` without its end.
    pub(crate) open_comment: Option<usize>,
    /// A text that may go over lines, without its end.
    pub(crate) open_text: Option<usize>,
    /// Whether the text ends inside a text or a comment of any kind.
    pub(crate) ends_in_words: bool,
}

/// An open bracket.
struct Level {
    at: usize,
    /// It is the `${` of a text, so that its end leads back into the text that began here.
    text: Option<usize>,
    chain: usize,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    found: Scan,
}

/// Looks at `text`.
pub(crate) fn scan(text: &str) -> Scan {
    let top = Level { at: 0, text: None, chain: 0 };
    let mut scanner =
        Scanner { bytes: text.as_bytes(), at: 0, levels: vec![top], found: Scan::default() };
    scanner.run();
    scanner.found.open = scanner.levels.iter().skip(1).map(|level| level.at).collect();
    scanner.found
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            self.at += 1;
            match byte {
                b'/' if self.peek(0) == Some(b'/') => self.line_comment(),
                b'/' if self.peek(0) == Some(b'*') => self.block_comment(start),
                b'"' => self.quoted(b'"'),
                b'\'' => self.quoted(b'\''),
                b'`' => self.template(start),
                b'#' => self.raw_text(start),
                b'(' | b'[' | b'{' => self.push(start, None),
                b')' | b']' | b'}' => self.pop(),
                b',' | b';' => self.level().chain = 0,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(start),
                b'+' | b'-' | b'*' | b'/' | b'%' | b'.' | b'<' | b'>' | b'=' | b'!' | b'&'
                | b'|' | b'^' | b'~' | b'?' => self.link(start),
                _ => {}
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level { at: 0, text: None, chain: 0 });
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn link(&mut self, at: usize) {
        let level = self.level();
        level.chain += 1;
        let chain = level.chain;
        if chain > self.found.chain {
            self.found.chain = chain;
            self.found.longest = at;
        }
    }

    fn push(&mut self, at: usize, text: Option<usize>) {
        self.levels.push(Level { at, text, chain: 0 });
        let depth = self.levels.len() - 1;
        if depth > self.found.depth {
            self.found.depth = depth;
            self.found.deepest = at;
        }
    }

    fn pop(&mut self) {
        if self.levels.len() == 1 {
            return;
        }
        if let Some(Level { text: Some(start), .. }) = self.levels.pop() {
            self.template(start);
        }
    }

    /// Words matter only where they make a chain: `else if … else if …` nests.
    fn word(&mut self, start: usize) {
        while matches!(self.peek(0), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80..))
        {
            self.at += 1;
        }
        if &self.bytes[start..self.at] == b"else" {
            self.link(start);
        }
    }

    fn line_comment(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'\n' {
                return;
            }
            self.at += 1;
        }
        self.found.ends_in_words = true;
    }

    fn block_comment(&mut self, start: usize) {
        self.at += 1;
        let mut depth = 1;
        while depth > 0 {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    self.found.open_comment = Some(start);
                    self.found.ends_in_words = true;
                    return;
                }
            }
        }
    }

    /// `"…"` and `'…'`: both end with their line, unless it ends in a backslash.
    fn quoted(&mut self, quote: u8) {
        loop {
            let Some(byte) = self.peek(0) else {
                self.found.ends_in_words = true;
                return;
            };
            if byte == b'\n' {
                return;
            }
            self.at += 1;
            if byte == quote {
                return;
            }
            if byte == b'\\' && self.peek(0).is_some() {
                self.at += 1;
            }
        }
    }

    /// `` `…${code}…` ``, from behind its opening mark or behind an inner `}`.
    fn template(&mut self, start: usize) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'`'), Some(b'`')) => self.at += 2,
                (Some(b'`'), _) => {
                    self.at += 1;
                    return;
                }
                (Some(b'$'), Some(b'{')) => {
                    let at = self.at;
                    self.at += 2;
                    self.push(at, Some(start));
                    return;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    self.found.open_text = Some(start);
                    self.found.ends_in_words = true;
                    return;
                }
            }
        }
    }

    /// `#"…"#` with any number of marks. Anything else that begins with a mark is code.
    fn raw_text(&mut self, start: usize) {
        let mut marks = 1;
        while self.peek(marks - 1) == Some(b'#') {
            marks += 1;
        }
        if self.peek(marks - 1) != Some(b'"') {
            return;
        }
        self.at += marks;
        loop {
            let Some(byte) = self.peek(0) else {
                self.found.open_text = Some(start);
                self.found.ends_in_words = true;
                return;
            };
            self.at += 1;
            if byte == b'"' && (0..marks).all(|ahead| self.peek(ahead) == Some(b'#')) {
                self.at += marks;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brackets_in_words_do_not_count() {
        let found = scan("f(\"((\", '(', `[${g([])}[`, #\"{{\"#) // ((\n/* ((( */");
        assert_eq!(found.depth, 4, "f( ${{ g( [ ]");
        assert!(found.open.is_empty() && !found.ends_in_words);
    }

    #[test]
    fn what_is_open_is_found() {
        assert_eq!(scan("a /* b /* c */").open_comment, Some(2));
        assert_eq!(scan("let a = `x").open_text, Some(8));
        assert_eq!(scan("let a = `x${b").open, [10]);
        assert_eq!(scan("f(#{ a: [").open, [1, 3, 8]);
        assert_eq!(scan("#\"a").open_text, Some(0));
        assert!(scan("\"a").ends_in_words);
    }

    #[test]
    fn chains_end_with_their_expression() {
        assert_eq!(scan("a + b + c; d + e").chain, 2);
        assert_eq!(scan("f(a + b, c + d, e + f)").chain, 1);
        assert!(scan(&"if a {} else ".repeat(500)).chain >= 500);
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_to_its_end(text in "[\\PC\\n\"'`#$\\{\\}\\[\\]()/*\\\\]{0,200}") {
            let found = scan(&text);
            prop_assert!(found.open.iter().all(|at| *at < text.len()));
        }
    }
}
