//! What the services' error codes mean, as data: one table for the token endpoint (AADSTS
//! numbers), one for Microsoft Graph. They also say which errors pass with replication, so that
//! waits go on, and which are final.

mod aadsts;
mod graph;

use base::{Code, Diagnostic, Repeat};

pub use aadsts::AADSTS;
pub use graph::GRAPH;

/// An error of the token endpoint. The first row whose number and words fit counts.
#[derive(Clone, Copy, Debug)]
pub struct AadstsRow {
    /// The number after `AADSTS`.
    pub number: u32,
    /// Words that the description must hold, in lower case; empty for any.
    pub says: &'static str,
    /// The diagnostic's code.
    pub code: Code,
    /// Whether it passes by itself once a fresh change has reached every replica.
    pub passes: bool,
    /// What it means, in plain words.
    pub meaning: &'static str,
    /// What to do.
    pub next: &'static str,
}

/// An error of Microsoft Graph. The first row whose name, status and words fit counts.
#[derive(Clone, Copy, Debug)]
pub struct GraphRow {
    /// The `error.code`, or the code of one of its details; empty for any.
    pub name: &'static str,
    /// The HTTP status; 0 for any.
    pub status: u16,
    /// Words that the message must hold, in lower case; empty for any.
    pub says: &'static str,
    /// The diagnostic's code.
    pub code: Code,
    /// Whether it passes by itself once a fresh change has reached every replica.
    pub passes: bool,
    /// What it means, in plain words.
    pub meaning: &'static str,
    /// What to do.
    pub next: &'static str,
}

/// The row of an error of the token endpoint.
pub fn of_aadsts(number: u32, description: &str) -> Option<&'static AadstsRow> {
    let description = description.to_lowercase();
    AADSTS.iter().find(|row| row.number == number && description.contains(row.says))
}

/// The row of an error of Microsoft Graph.
pub fn of_graph(name: &str, status: u16, message: &str) -> Option<&'static GraphRow> {
    let message = message.to_lowercase();
    GRAPH.iter().find(|row| {
        (row.name.is_empty() || row.name.eq_ignore_ascii_case(name))
            && (row.status == 0 || row.status == status)
            && message.contains(row.says)
    })
}

/// Whether a failure passes by itself once a fresh change has reached every replica.
pub fn passes(error: &Diagnostic) -> bool {
    let Some(remote) = &error.remote else { return false };
    let message = remote.message.as_deref().unwrap_or_default();
    if let Some(number) = remote.aadsts {
        return of_aadsts(number, message).is_some_and(|row| row.passes);
    }
    let name = remote.code.as_deref().unwrap_or_default();
    of_graph(name, remote.status.unwrap_or(0), message).is_some_and(|row| row.passes)
}

/// Whether the tenant was only not available: that says nothing of what is waited for.
pub fn is_unavailable(error: &Diagnostic) -> bool {
    matches!(
        error.code,
        Code::RemoteUnreachable | Code::RemoteGarbage | Code::RemoteThrottled | Code::RemoteFailed
    )
}

/// Whether a failure with this code is likely to be gone later without anybody's doing.
pub(crate) fn repeat_of(code: Code, passes: bool) -> Repeat {
    let later = passes || code.kind() == base::codes::Kind::Unavailable;
    if later { Repeat::Later } else { Repeat::Safe }
}
