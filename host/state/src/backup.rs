//! A copy of the database while it is in use.

use std::path::Path;

use base::{Code, Diagnostic, Result};

use crate::dialect::Dialect;
use crate::error;
use crate::query::Query;
use crate::store::Store;

/// What a copy of the database names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The private keys that it knows, in their key stores.
    pub key_uris: Vec<String>,
}

impl Store {
    /// Copies the database into the file `to`, as it is at one moment, while others go on using it.
    /// The copy is readable for this user alone; what is in `to` already is lost.
    ///
    /// # Errors
    /// `UsageCommand` where the database is PostgreSQL, `DiskFull`, and as the database says. A part of
    /// the copy may be left then.
    pub async fn copy_database(&self, to: &Path) -> Result<Copied> {
        if self.0.database.dialect == Dialect::Postgres {
            return Err(Diagnostic::new(
                Code::UsageCommand,
                "The state is in a PostgreSQL database, which this command does not copy",
            )
            .next(format!(
                "Back the database up with pg_dump, and after it the folder {} with tar.",
                self.folder().display()
            )));
        }
        let Some(name) = to.to_str() else {
            return Err(Diagnostic::new(Code::StateFolder, "The path of the copy is not UTF-8"));
        };
        // SQLite takes an empty file as its target, and would itself make one that others may read.
        let disk = &self.0.ports.disk;
        disk.write_atomic(to, b"", 0o600).map_err(|e| error::disk(to, &e))?;
        let mut lent = self.0.database.lend(&*self.0.ports.clock).await?;
        lent.execute(Query::new("VACUUM INTO $1").bind(name)).await?;
        lent.execute(Query::new("ATTACH DATABASE $1 AS copy").bind(name)).await?;
        let keys = "SELECT key_uri FROM copy.certificates WHERE key_uri IS NOT NULL \
                    UNION SELECT key_uri FROM copy.connectors WHERE key_uri IS NOT NULL";
        let rows = lent.rows(Query::new(keys)).await;
        lent.execute(Query::new("DETACH DATABASE copy")).await?;
        let key_uris = rows?.iter().map(|row| row.text("key_uri")).collect::<Result<Vec<_>>>()?;
        Ok(Copied { key_uris })
    }
}
