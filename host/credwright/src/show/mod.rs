//! Everything a person or a program sees: only this module writes to standard output and error.

pub mod colour;
pub mod diagnostic;
pub mod progress;
pub mod table;
pub mod value;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Diagnostic, Process};
use indicatif::{MultiProgress, ProgressDrawTarget};

use self::colour::Colour;
use self::table::Form;

/// How the end of something is marked.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// It went well.
    pub done: &'static str,
    /// It failed.
    pub failed: &'static str,
}

/// Where output goes, and in which form.
pub struct Screen {
    /// One JSON document on standard output, and nothing else there.
    pub json: bool,
    /// Colour of standard error.
    pub colour: Colour,
    /// Whether somebody sits at standard error.
    pub watched: bool,
    /// Whether lines there may be drawn over, by spinners for instance.
    pub live: bool,
    /// Whether more than ASCII may be shown.
    pub drawn: bool,
    /// Spinners, which must not be torn by other lines.
    pub spinners: MultiProgress,
    failed: Mutex<Option<io::Error>>,
}

impl Screen {
    /// The process's own standard output and error.
    pub fn new(json: bool, no_colour: bool, process: &dyn Process) -> Self {
        let set = |name: &str| process.environment(name).filter(|value| !value.is_empty());
        let watched = io::stderr().is_terminal();
        let live = watched && set("TERM").is_none_or(|term| term != "dumb");
        let coloured = live && !no_colour && set("NO_COLOR").is_none();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_uppercase();
        Self {
            json,
            colour: if coloured { Colour::Ansi } else { Colour::Plain },
            watched,
            live,
            drawn: locale.contains("UTF-8") || locale.contains("UTF8"),
            spinners: MultiProgress::new(),
            failed: Mutex::new(None),
        }
    }

    /// How the end of something is marked.
    pub fn marks(&self) -> Marks {
        if self.drawn {
            Marks { done: "✓", failed: "✗" }
        } else {
            Marks { done: "ok", failed: "failed" }
        }
    }

    /// Width and characters of tables on standard output.
    pub fn form(&self) -> Form {
        let width = io::stdout()
            .is_terminal()
            .then(|| rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok())
            .flatten()
            .map(|size| size.ws_col)
            .filter(|columns| *columns > 0);
        Form { width, drawn: self.drawn && width.is_some() }
    }

    /// Prints data on standard output.
    ///
    /// A reader that went away is no failure of ours: what is left is dropped.
    pub fn data(&self, text: &str) {
        let text: Cow<'_, str> =
            if io::stdout().is_terminal() { tame(text).into() } else { text.into() };
        self.spinners.suspend(|| {
            let mut stdout = io::stdout().lock();
            let written = stdout
                .write_all(text.as_bytes())
                .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") })
                .and_then(|()| stdout.flush());
            if let Err(error) = written
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                self.failure().get_or_insert(error);
            }
        });
    }

    /// Tells something on standard error.
    pub fn tell(&self, text: &str) {
        self.spinners.suspend(|| {
            // Nobody may be left to read it, and there is nobody else to tell.
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    /// Asks something on standard error; the answer follows on the same line.
    pub fn ask(&self, prompt: &str) {
        self.spinners.suspend(|| {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
        });
    }

    /// Keeps spinners from drawing over a question until it is dropped.
    pub fn still(&self) -> Still<'_> {
        // Where it cannot be cleared it cannot be drawn to either.
        let _ = self.spinners.clear();
        self.spinners.set_draw_target(ProgressDrawTarget::hidden());
        Still(self)
    }

    /// Tells something that a person reads as prose: broken between words where a terminal shows it.
    pub fn prose(&self, text: &str) {
        let size = if self.watched {
            rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()
        } else {
            None
        };
        match size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0) {
            Some(columns) => self.tell(&broken(text, columns)),
            None => self.tell(text),
        }
    }

    /// Tells a failure.
    pub fn failure_of(&self, error: &Diagnostic) {
        self.tell(&diagnostic::rendered(error, self.colour));
    }

    /// What kept data from being written to standard output, such as a full disk.
    pub fn write_failure(&self) -> Option<String> {
        self.failure().as_ref().map(ToString::to_string)
    }

    fn failure(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spinners are still. See [`Screen::still`].
pub struct Still<'a>(&'a Screen);

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.0.spinners.set_draw_target(ProgressDrawTarget::stderr());
    }
}

/// Text whose lines have at most `columns` characters, where its words allow it.
fn broken(text: &str, columns: usize) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line: Option<String> = None;
        for word in paragraph.split(' ') {
            let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= columns;
            line = Some(match line {
                None => word.to_owned(),
                Some(line) if fits(&line) => format!("{line} {word}"),
                Some(line) => {
                    lines.push(line);
                    word.to_owned()
                }
            });
        }
        lines.push(line.unwrap_or_default());
    }
    lines.join("\n")
}

/// Takes out of foreign text what a terminal would obey: nothing a tenant or a script says may
/// move the cursor, change colours, or show words in another order.
pub fn tame(text: &str) -> String {
    text.chars()
        .map(|c| if is_obeyed(c) && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// The same for what belongs into one line, such as a name: it cannot begin a line of its own.
pub fn tame_line(text: &str) -> String {
    tame(text).replace(['\n', '\t'], " ")
}

/// A JSON document in which what a terminal would obey is escaped: the same document for a program.
pub fn tame_document(document: &str) -> String {
    let mut tamed = String::with_capacity(document.len());
    for c in document.chars() {
        if is_obeyed(c) && c != '\n' {
            tamed.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            tamed.push(c);
        }
    }
    tamed
}

/// Control characters, and those that change the direction of writing.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(broken("one two three", 7), "one two\nthree");
        assert_eq!(broken("  a long-word b\n\nc", 6), "  a\nlong-word\nb\n\nc");
        assert_eq!(broken("fits", 80), "fits");
    }

    #[test]
    fn foreign_text_cannot_drive_a_terminal() {
        assert_eq!(tame("a\x1b[2Jb\r\u{9b}c\td\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\td\n");
        assert_eq!(tame("exe\u{202e}fdp"), "exe\u{fffd}fdp");
        assert_eq!(tame_line("Contoso\n  next: obey\x1b["), "Contoso   next: obey\u{fffd}[");
        let document = serde_json::to_string("\u{9b}2J\u{7f}\u{202e}\n").unwrap();
        let tamed = tame_document(&document);
        assert_eq!(tamed, r#""\u009b2J\u007f\u202e\n""#);
        assert_eq!(serde_json::from_str::<String>(&tamed).unwrap(), "\u{9b}2J\u{7f}\u{202e}\n");
    }
}
