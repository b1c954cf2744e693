//! Diagnostics: what happened, whether it is safe to repeat, and what to type next.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::Code;

/// The result of everything that can fail in front of a user.
pub type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// What a failed change did to the world outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Nothing was changed.
    #[default]
    No,
    /// The change was made.
    Yes,
    /// The answer was lost: only looking can tell.
    Unknown,
}

/// Whether what failed may be done again as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Repeating is safe, though the same input will fail the same way until its cause is mended.
    #[default]
    Safe,
    /// Repeating is safe and likely to succeed: the cause passes by itself.
    Later,
    /// It must be looked at first; repeating blindly could do it twice.
    LookFirst,
}

/// What the other side said of a failed request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// HTTP status, where an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The number of an `AADSTS…` error of the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aadsts: Option<u32>,
    /// The `error` of the token endpoint, or `error.code` of Microsoft Graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The service's own id of the request (trace id), for a support case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id that this host gave the request (correlation id).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The service's wording, shortened; never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Where in a script something happened, with its excerpt. Filled in by the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the script or module.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters the caret underlines.
    pub width: usize,
    /// The source line.
    pub excerpt: String,
    /// The script function that was running; empty for an entry script's top level.
    pub function: String,
}

/// A failure in front of a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// What happened: one sentence, without a final full stop where it ends in a value.
    pub message: String,
    /// What the failed act did outside.
    #[serde(default)]
    pub applied: Applied,
    /// Whether it may be repeated.
    #[serde(default)]
    pub repeat: Repeat,
    /// What it means, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// The next thing to do, as a sentence or the exact command to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the other side said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Box<Remote>>,
    /// Script places, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// Causes, outermost first; and where several things failed together, each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What was taken back after it, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<String>,
    /// Objects left to deal with by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}

impl Diagnostic {
    /// A failure with `code`, saying `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            applied: Applied::No,
            repeat: Repeat::Safe,
            meaning: None,
            next: None,
            remote: None,
            places: Vec::new(),
            causes: Vec::new(),
            undone: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Says what it means in plain words.
    #[must_use]
    pub fn meaning(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = Some(meaning.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Says whether it may be repeated.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Says what the failed act did outside.
    #[must_use]
    pub fn applied(mut self, applied: Applied) -> Self {
        self.applied = applied;
        self
    }

    /// Adds what the other side said.
    #[must_use]
    pub fn remote(mut self, remote: Remote) -> Self {
        self.remote = Some(Box::new(remote));
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the whole chain of an error's sources, outermost first.
    #[must_use]
    pub fn source(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Wrappers often repeat their source's words.
            if self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Names an object that is left to deal with by hand.
    #[must_use]
    pub fn left(mut self, object: impl Into<String>) -> Self {
        self.left.push(object.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(next) = &self.next {
            write!(f, " next: {next}")?;
        }
        for cause in &self.causes {
            write!(f, "; {cause}")?;
        }
        if let Some(remote) = &self.remote {
            write!(f, "; {remote:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}
