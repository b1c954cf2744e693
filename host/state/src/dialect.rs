//! Everything in which SQLite and PostgreSQL differ. All other statements are the same for both.

use sqlx::Error;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Prepares a fresh connection.
    pub(crate) const fn prepare(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
            }
            Self::Postgres => "SET client_min_messages = warning; SET lock_timeout = '5s'",
        }
    }

    /// Begins a transaction that will write. SQLite's must take its lock at once: one that reads
    /// first and is overtaken cannot be repeated from the middle.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that reads one state of everything.
    pub(crate) const fn begin_reading(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Said before a transaction whose loss in a power failure harms nobody, because nothing was
    /// changed outside yet; the next ordinary commit makes it durable too.
    pub(crate) const fn relax(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA synchronous = NORMAL",
            Self::Postgres => "SET synchronous_commit = off",
        }
    }

    /// Takes [`Dialect::relax`] back.
    pub(crate) const fn tighten(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA synchronous = FULL",
            Self::Postgres => "SET synchronous_commit = on",
        }
    }

    /// Counts the tables called `meta`, as `tables`.
    pub(crate) const fn has_meta(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
            }
            Self::Postgres => {
                "SELECT count(*) AS tables FROM pg_catalog.pg_class \
                 WHERE oid = to_regclass('meta') AND relkind = 'r'"
            }
        }
    }

    /// Keeps two processes from changing the schema at once, for the length of a transaction.
    pub(crate) const fn lock_schema(self) -> Option<&'static str> {
        match self {
            // BEGIN IMMEDIATE does.
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(4851126230184)"),
        }
    }
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Full,
    Corrupt,
    Unreadable,
    Busy,
    Lost,
    Refused,
    Unique,
    MissingTable,
    Other,
}

/// Tells the kind of a failure by the codes of either database.
pub(crate) fn classify(error: &Error) -> Failure {
    match error {
        Error::Database(database) => {
            if database.is_unique_violation() {
                return Failure::Unique;
            }
            let code = database.code().unwrap_or_default();
            // SQLite's codes are numbers, PostgreSQL's are five characters.
            if code.len() == 5 {
                of_postgres(&code)
            } else {
                of_sqlite(code.parse().unwrap_or(0), database.message())
            }
        }
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => Failure::Lost,
        _ => Failure::Other,
    }
}

fn of_sqlite(code: u32, message: &str) -> Failure {
    // The low byte is the primary code, what is above it refines it.
    match code & 0xff {
        5 | 6 => Failure::Busy,
        8 | 14 | 23 => Failure::Unreadable,
        11 | 26 => Failure::Corrupt,
        13 => Failure::Full,
        1 if message.starts_with("no such table") => Failure::MissingTable,
        _ => Failure::Other,
    }
}

fn of_postgres(code: &str) -> Failure {
    match code {
        "42P01" => Failure::MissingTable,
        "53100" => Failure::Full,
        "XX001" | "XX002" => Failure::Corrupt,
        "40001" | "40P01" | "55P03" | "57014" => Failure::Busy,
        "42501" => Failure::Unreadable,
        "3D000" => Failure::Refused,
        _ if code.starts_with("28") => Failure::Refused,
        _ if code.starts_with("08") || code.starts_with("57P") => Failure::Lost,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        let sqlite = |code| of_sqlite(code, "");
        // SQLITE_FULL, _NOTADB, _CORRUPT_INDEX, _CANTOPEN, _READONLY_DBMOVED, _BUSY_SNAPSHOT, _IOERR.
        let known = [13, 26, 779, 14, 1032, 517, 10].map(sqlite);
        use Failure::{Busy, Corrupt, Full, Lost, MissingTable, Other, Refused, Unreadable};
        assert_eq!(known, [Full, Corrupt, Corrupt, Unreadable, Unreadable, Busy, Other]);
        assert_eq!(of_sqlite(1, "no such table: meta"), MissingTable);
        assert_eq!(of_sqlite(1, "near \"SELEC\": syntax error"), Other);
        let known = ["53100", "42P01", "28P01", "3D000", "57P01", "40P01", "42501", "22021"];
        let kinds = [Full, MissingTable, Refused, Refused, Lost, Busy, Unreadable, Other];
        assert_eq!(known.map(of_postgres), kinds);
    }
}
