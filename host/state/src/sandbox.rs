//! Forgetting the sandbox, and nothing else.

use base::Result;
use serde::{Deserialize, Serialize};

use crate::audit::{Purged, spans};
use crate::certificates;
use crate::query::{Query, Row};
use crate::writer::Writer;

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The names of the connectors.
    pub connectors: Vec<String>,
    /// The private keys of the certificates. They are still in their key stores.
    pub key_uris: Vec<String>,
    /// How many events.
    pub events: u64,
    /// How many sync runs.
    pub sync_runs: u64,
    /// How many runs, with their journals.
    pub runs: u64,
}

impl Writer {
    /// Forgets every record that belongs to a sandbox tenant: connectors, certificates, sync runs,
    /// events, evidence, runs and their journals, all or nothing. What a real tenant's connector or
    /// run left is not touched, nor is the run of this writer. The audit chain keeps its links, and a
    /// checkpoint that says what was taken away.
    ///
    /// # Errors
    /// As the database says.
    pub async fn reset_sandbox(&self) -> Result<Removed> {
        let mut change = self.begin().await?;
        let result = async {
            let mut removed = Removed::default();
            let names = "SELECT name FROM connectors WHERE sandbox = 1 ORDER BY name";
            for row in change.rows(Query::new(names)).await? {
                removed.connectors.push(row.text("name")?);
            }
            let certificates = "SELECT * FROM certificates WHERE sandbox = 1 ORDER BY created_at";
            for row in change.rows(Query::new(certificates)).await? {
                removed.key_uris.extend(certificates::read(&row)?.key_uri);
            }
            for sql in [
                "DELETE FROM connectors WHERE sandbox = 1",
                "DELETE FROM certificates WHERE sandbox = 1",
            ] {
                change.execute(Query::new(sql)).await?;
            }
            let mut purged = Purged::default();
            let evidence = "DELETE FROM evidence WHERE sandbox = 1 RETURNING sequence";
            purged.evidence = spans(numbers(&change.rows(Query::new(evidence)).await?)?);
            let events = "DELETE FROM events WHERE sandbox = 1 RETURNING sequence";
            let events = numbers(&change.rows(Query::new(events)).await?)?;
            removed.events = u64::try_from(events.len()).unwrap_or(u64::MAX);
            purged.events = spans(events);
            let sync_runs = Query::new("DELETE FROM sync_runs WHERE sandbox = 1");
            removed.sync_runs = change.execute(sync_runs).await?;
            let runs = Query::new("DELETE FROM runs WHERE sandbox = 1 AND id <> $1 RETURNING id");
            for row in change.rows(runs.bind(&self.run().0)).await? {
                purged.runs.push(row.text("id")?);
            }
            purged.runs.sort();
            removed.runs = u64::try_from(purged.runs.len()).unwrap_or(u64::MAX);
            let unused = "DELETE FROM sources WHERE sha256 NOT IN (SELECT sha256 FROM run_sources)";
            change.execute(Query::new(unused)).await?;
            self.link_purge(&mut change, &purged).await?;
            Ok(removed)
        }
        .await;
        self.finish(change, result).await
    }
}

fn numbers(rows: &[Row]) -> Result<Vec<i64>> {
    rows.iter().map(|row| row.number("sequence")).collect()
}
