//! Colour, where somebody looks; never the only carrier of a meaning.

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// By ANSI sequences.
    Ansi,
    /// Not at all.
    Plain,
}

impl Colour {
    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }

    /// What matters most.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What matters least.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// A failure.
    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// A success.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something to watch.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something to type.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }
}
