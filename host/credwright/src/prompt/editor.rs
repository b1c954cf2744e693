//! The line editor: history, completion, input of several lines.

use std::io::ErrorKind;
use std::path::PathBuf;

use base::{Code, Diagnostic, Result};
use engine::Input;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter};

use super::Shared;
use super::input::{Lines, Next};
use crate::world::World;

/// How many lines are remembered.
const REMEMBERED: usize = 1_000;
const PROMPT: &str = "> ";
/// A line with one of these words is not kept in the history: it may hold a secret.
const SECRETS: &[&str] = &["password", "passwd", "passphrase", "secret", "private"];

/// Lines from the editor.
pub struct Edited {
    editor: Editor<PromptHelper, FileHistory>,
    history: PathBuf,
}

impl Edited {
    /// Opens the editor with the history of earlier sessions.
    pub fn open(world: &World, session: Shared) -> Result<Self> {
        let failed = |error: ReadlineError| {
            Diagnostic::new(Code::UsageCommand, "The terminal cannot be used for a prompt")
                .next("Give the lines on standard input: credwright repl < FILE")
                .source(&error)
        };
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(REMEMBERED)
            .map_err(failed)?
            .auto_add_history(false)
            .build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(PromptHelper { session }));
        let history = world.places()?.state.join("history");
        let disk = &world.ports.disk;
        if let Err(error) = disk.status(&history)
            && error.kind() == ErrorKind::NotFound
        {
            // Made here, so that nobody else can read it from the first line on.
            let _ = disk.write_atomic(&history, b"", 0o600);
        }
        // A history that cannot be read is missed, but no reason to stop.
        if let Err(error) = editor.load_history(&history) {
            tracing::warn!(%error, "the history was not read");
        }
        Ok(Self { editor, history })
    }

    fn remember(&mut self, line: &str) {
        if may_hold_secret(line) {
            return;
        }
        let kept = self
            .editor
            .add_history_entry(line)
            .and_then(|_| self.editor.append_history(&self.history));
        if let Err(error) = kept {
            tracing::warn!(%error, "a line was not kept in the history");
        }
    }
}

impl Lines for Edited {
    fn next(&mut self) -> Next {
        match self.editor.readline(PROMPT) {
            Ok(line) => {
                self.remember(&line);
                Next::Line(line)
            }
            Err(ReadlineError::Interrupted) => Next::Abandoned,
            Err(_) => Next::End,
        }
    }
}

fn may_hold_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    SECRETS.iter().any(|word| line.contains(word))
}

/// Lets the editor ask the session.
#[derive(Helper, Highlighter, Hinter)]
struct PromptHelper {
    session: Shared,
}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = self.session.borrow().complete(line, cursor);
        let width = found.candidates.iter().map(|one| one.text.chars().count()).max().unwrap_or(0);
        let pairs = found.candidates.into_iter().map(|candidate| Pair {
            display: format!("{:width$}  {}", candidate.text, candidate.help),
            replacement: candidate.text,
        });
        Ok((found.start, pairs.collect()))
    }
}

impl Validator for PromptHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match self.session.borrow().input(context.input()) {
            Input::Complete => ValidationResult::Valid(None),
            Input::Incomplete => ValidationResult::Incomplete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_may_hold_a_secret_are_not_kept() {
        assert!(may_hold_secret("let PassWord = \"x\""));
        assert!(!may_hold_secret("connect_tenant()"));
    }
}
