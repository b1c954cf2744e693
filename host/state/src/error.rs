//! What the database says, as diagnostics that a person can act on.

use std::fmt::Display;
use std::io;
use std::path::Path;

use base::{Applied, Code, Diagnostic, Repeat};

use crate::dialect::{Failure, classify};

/// Where in a transaction something failed; it decides what is known about the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before the commit: nothing was changed.
    Work,
    /// At the commit: where the answer was lost, nobody knows.
    Commit,
}

/// A failed statement.
pub(crate) fn database(error: &sqlx::Error, phase: Phase) -> Diagnostic {
    let failure = classify(error);
    let diagnostic = match failure {
        Failure::Full => Diagnostic::new(Code::DiskFull, "The disk of the state folder is full")
            .meaning("Nothing can be recorded any more, so nothing is changed any more either.")
            .next("Free some space on that disk (df shows how much there is), then try again."),
        Failure::Corrupt => corrupt(),
        Failure::Unreadable => {
            Diagnostic::new(Code::StateFolder, "The state database cannot be opened or written")
                .next("Check owner and permissions of the state folder and of what is in it.")
        }
        Failure::Busy => {
            Diagnostic::new(Code::StateDatabase, "Another process keeps the state database busy")
                .repeat(Repeat::Later)
                .next("Try again in a moment.")
        }
        Failure::Lost => {
            Diagnostic::new(Code::StateDatabase, "The state database cannot be reached")
                .repeat(Repeat::Later)
                .next("Check that the database server is up and reachable, then try again.")
        }
        Failure::Refused => {
            Diagnostic::new(Code::StateDatabase, "The database server refused the connection")
                .next("Check user, password and database name in the configured database address.")
        }
        Failure::Unique | Failure::MissingTable | Failure::Other => {
            Diagnostic::new(Code::StateDatabase, "The state database failed")
                .next("Look at the cause below; if it is not the machine's, report it as a mistake of this program.")
        }
    };
    let diagnostic = diagnostic.source(error);
    // A full disk and a busy database are answered before the commit record is written.
    let answered = matches!(failure, Failure::Full | Failure::Busy | Failure::Unique);
    if phase == Phase::Commit && !answered {
        diagnostic.applied(Applied::Unknown).repeat(Repeat::LookFirst)
    } else {
        diagnostic
    }
}

fn corrupt() -> Diagnostic {
    Diagnostic::new(Code::StateCorrupt, "The state database is damaged")
        .meaning(
            "What this host remembers of its connectors cannot be read. The tenant and the private \
             keys are not touched by this.",
        )
        .next(
            "Keep the damaged file: stop everything that uses it and copy the state folder away. \
             Then restore state.db from your latest backup. Without one, move state.db, state.db-wal \
             and state.db-shm out of the state folder, make an empty state.db (install -m 600 \
             /dev/null state.db), and add the connectors anew with add_connector.",
        )
}

/// A record whose content makes no sense.
pub(crate) fn damaged_record(column: &str, cause: impl Display) -> Diagnostic {
    corrupt().cause(format!("column '{column}': {cause}"))
}

/// Text that no database takes.
pub(crate) fn nul() -> Diagnostic {
    Diagnostic::new(Code::StateDatabase, "A text with a NUL character cannot be recorded")
        .next("Remove the NUL character from the name or value that was given.")
}

/// A number that is too great for the database.
pub(crate) fn too_great(what: &str) -> Diagnostic {
    Diagnostic::new(Code::StateDatabase, format!("The {what} is too great to be recorded"))
        .next("Use a smaller number.")
}

/// A failed act on a file of the state folder.
pub(crate) fn disk(path: &Path, error: &io::Error) -> Diagnostic {
    let path = path.display();
    let diagnostic = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Diagnostic::new(Code::DiskFull, format!("The disk is full: {path}"))
                .next("Free some space on that disk (df shows how much there is), then try again.")
        }
        _ => Diagnostic::new(Code::StateFolder, format!("The state folder cannot be used: {path}"))
            .next(
                "Make it readable and writable for this user, or name another place with --home.",
            ),
    };
    diagnostic.source(error)
}
