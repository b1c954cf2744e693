//! The tables and how they grow from version to version.

use base::{Code, Diagnostic, Result};

use crate::database::{BeforeCommit, Database};
use crate::query::Query;

/// The scripts that bring an empty database to version 1, 2, … A script that was released is never
/// changed.
pub(crate) const MIGRATIONS: Migrations = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
];

pub(crate) type Migrations = &'static [&'static str];

const META: &str = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";

/// What is known of a store's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Current,
    /// An older version, or 0: nothing at all.
    Older(usize),
}

/// Looks which version a database has, without changing it.
///
/// # Errors
/// `StateNewer` where a newer program wrote it.
pub(crate) async fn look(
    database: &Database,
    clock: &dyn base::Clock,
    migrations: Migrations,
) -> Result<Found> {
    let mut lent = database.lend(clock).await?;
    let row = lent.row_if_table(version_query()).await?;
    found(row.map(|row| row.text("value")).transpose()?, migrations.len())
}

fn version_query() -> Query {
    Query::new("SELECT value FROM meta WHERE name = 'schema_version'")
}

fn found(version: Option<String>, known: usize) -> Result<Found> {
    let Some(text) = version else { return Ok(Found::Older(0)) };
    let version: usize =
        text.parse().map_err(|error| crate::error::damaged_record("schema_version", error))?;
    match version.cmp(&known) {
        std::cmp::Ordering::Less => Ok(Found::Older(version)),
        std::cmp::Ordering::Equal => Ok(Found::Current),
        std::cmp::Ordering::Greater => Err(newer(version, known)),
    }
}

fn newer(version: usize, known: usize) -> Diagnostic {
    Diagnostic::new(
        Code::StateNewer,
        format!("The state was written by a newer version (schema {version}, known {known})"),
    )
    .meaning("Nothing was read or changed: what this version does not know it could destroy.")
    .next("Install the newer version again, or name another place with --home.")
}

/// Brings a database to the version of this program, in one transaction. Another process that does
/// the same at the same moment is waited for.
///
/// # Errors
/// As the database says; the old schema stands then.
pub(crate) async fn migrate(
    database: &Database,
    clock: &dyn base::Clock,
    migrations: Migrations,
    before_commit: BeforeCommit<'_>,
) -> Result<()> {
    let lock = database.dialect.lock_schema();
    let mut change = database.lend(clock).await?.begin().await?;
    let result = async {
        if let Some(lock) = lock {
            change.script(lock).await?;
        }
        // A failed look would end a transaction of PostgreSQL, so the table is made sure of first.
        let known = change
            .row(Query::new(database.dialect.has_meta()))
            .await?
            .is_some_and(|row| row.number("tables").is_ok_and(|count| count > 0));
        if !known {
            change.script(META).await?;
        }
        let row = change.row(version_query()).await?;
        let version = row.map(|row| row.text("value")).transpose()?;
        let Found::Older(version) = found(version, migrations.len())? else { return Ok(()) };
        for script in migrations.iter().skip(version) {
            change.script(script).await?;
        }
        let written = Query::new(
            "INSERT INTO meta (name, value) VALUES ('schema_version', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        change.execute(written.bind(migrations.len().to_string())).await.map(drop)
    }
    .await;
    change.finish(result, before_commit).await
}
