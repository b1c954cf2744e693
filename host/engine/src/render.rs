//! Diagnostics as text for a person.

use base::Diagnostic;

/// A diagnostic as plain text, for a terminal or a log. Ends with a line break.
pub fn render(diagnostic: &Diagnostic) -> String {
    format!("error[{}]: {}\n", diagnostic.code, diagnostic.message)
}
