//! Where lines come from: an editor at a terminal, or standard input as it is.

use std::io::{self, BufRead, IsTerminal};

use base::{Code, Diagnostic, Result};
use engine::Input;

use super::Shared;
use super::editor::Edited;
use crate::world::World;

/// What the next line is.
pub enum Next {
    /// One input, possibly of several lines.
    Line(String),
    /// The line was given up with Ctrl-C.
    Abandoned,
    /// The input cannot be read any further.
    Unreadable(Diagnostic),
    /// There is no more.
    End,
}

/// Gives one input after the other.
pub trait Lines {
    /// The next input, once it is complete.
    fn next(&mut self) -> Next;
}

/// An editor where somebody sits at a terminal, else standard input.
///
/// # Errors
/// A terminal that cannot be used.
pub fn open(world: &World, session: Shared) -> Result<Box<dyn Lines>> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(Box::new(Edited::open(world, session)?));
    }
    Ok(Box::new(Piped { session, ended: false }))
}

/// Standard input, line by line.
struct Piped {
    session: Shared,
    ended: bool,
}

impl Lines for Piped {
    fn next(&mut self) -> Next {
        let mut text = String::new();
        while !self.ended {
            match io::stdin().lock().read_line(&mut text) {
                Ok(0) => self.ended = true,
                Ok(_) if self.session.borrow().input(&text) == Input::Complete => break,
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    return Next::Unreadable(
                        Diagnostic::new(Code::UsageCommand, "Standard input is no text")
                            .meaning("Neither this line nor what follows it was evaluated.")
                            .cause(error),
                    );
                }
            }
        }
        if text.is_empty() { Next::End } else { Next::Line(text) }
    }
}
