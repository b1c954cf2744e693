//! Where lines come from: an editor at a terminal, or standard input as it is.

use std::io::{self, BufRead, IsTerminal};

use base::Result;
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
    Ok(Box::new(Piped { session, failed: false }))
}

/// Standard input, line by line.
struct Piped {
    session: Shared,
    failed: bool,
}

impl Lines for Piped {
    fn next(&mut self) -> Next {
        let mut text = String::new();
        while !self.failed {
            match io::stdin().lock().read_line(&mut text) {
                Ok(0) => self.failed = true,
                Ok(_) if self.session.borrow().input(&text) == Input::Complete => break,
                Ok(_) => {}
                // What is no text ends the input, like its end.
                Err(_) => self.failed = true,
            }
        }
        if text.is_empty() { Next::End } else { Next::Line(text) }
    }
}
