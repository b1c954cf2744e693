//! What a command answers: text for a person or one JSON document, and an exit code.

use base::codes::Kind;
use base::{Applied, Diagnostic};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::show::{Screen, tame_document, tame_line};

/// A tenant as output names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantName {
    /// Its id.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// Whether it is a sandbox.
    pub sandbox: bool,
}

impl TenantName {
    /// The tenant in one line.
    pub fn line(&self) -> String {
        let kind = if self.sandbox { "sandbox tenant" } else { "tenant" };
        let name = tame_line(&self.name);
        if self.id.is_empty() || self.id == self.name {
            return format!("{kind} {name}");
        }
        format!("{kind} {name} ({})", tame_line(&self.id))
    }
}

/// The JSON document of a command. These members are always there.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Document {
    /// Whether anything was changed.
    pub changed: bool,
    /// The tenant in view, where the command has one.
    pub tenant: Option<TenantName>,
    /// The run, where there was one.
    pub run: Option<String>,
    /// The script, where there was one.
    pub script: Option<String>,
    /// What the command or the script answers.
    pub value: Value,
    /// Why it failed.
    pub error: Option<Diagnostic>,
    /// The exit code of the process.
    pub exit_code: u8,
    /// What some commands add: `before`, `after`, `events`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a command answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The document.
    pub document: Document,
    /// What a person reads on standard output; nothing is printed where it is empty.
    pub text: String,
    /// Whether it was printed already.
    pub is_printed: bool,
}

impl Answer {
    /// An answer that went well.
    pub fn new(value: Value, text: impl Into<String>) -> Self {
        let document = Document { value, ..Document::default() };
        Self { document, text: text.into(), is_printed: false }
    }

    /// A refusal before any effect.
    pub fn refused(error: Diagnostic) -> Self {
        let exit_code = exit_code(&error);
        let changed = error.applied != Applied::No;
        let document = Document { changed, error: Some(error), exit_code, ..Document::default() };
        Self { document, ..Self::default() }
    }

    /// The end of a command that printed its answer before.
    pub fn printed() -> Self {
        Self { is_printed: true, ..Self::default() }
    }

    /// Prints it: the document where JSON is wanted, else the text, and the failure.
    pub fn print(&self, screen: &Screen) {
        self.print_as(screen, serde_json::to_string_pretty);
    }

    /// The same as one of many: a document takes one line.
    pub fn print_line(&self, screen: &Screen) {
        self.print_as(screen, serde_json::to_string);
    }

    fn print_as(&self, screen: &Screen, form: impl Fn(&Document) -> serde_json::Result<String>) {
        if screen.json {
            match form(&self.document) {
                Ok(document) => screen.data(&tame_document(&document)),
                Err(error) => screen.tell(&format!("error: the answer is no JSON: {error}")),
            }
        } else if !self.text.is_empty() {
            screen.data(&self.text);
        }
        if let Some(error) = &self.document.error {
            screen.failure_of(error);
        }
    }

    /// The same, of that tenant.
    #[must_use]
    pub fn of(mut self, tenant: Option<TenantName>) -> Self {
        self.document.tenant = tenant;
        self
    }
}

/// The exit code of a failure outside any run.
pub fn exit_code(error: &Diagnostic) -> u8 {
    match error.code.kind() {
        _ if error.applied != Applied::No => 3,
        Kind::Interrupted => 4,
        Kind::Denied => 5,
        Kind::Unavailable => 6,
        _ => 2,
    }
}
