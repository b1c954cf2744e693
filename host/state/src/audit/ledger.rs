//! Everything that the audit chains are of, in one value: read from a database, or from the file of
//! an export. Both are verified by the same code.

use std::collections::BTreeMap;

use base::{Code, Diagnostic, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::verify::{AuditReport, verify};
use super::{Anchor, AuditKey, Link, RunLink, is_text_of};
use crate::database::Transaction;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::{events, evidence, journal};

const FORMAT: &str = "credwright-audit";
const VERSION: u32 = 1;

/// A run as its row has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRow {
    pub(crate) id: String,
    /// The other members, by the names that links use for them.
    pub(crate) members: BTreeMap<String, Value>,
    /// Its texts: name, digest as recorded, and whether the text that is kept has it.
    pub(crate) sources: Vec<(String, String, bool)>,
}

/// A record with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) number: i64,
    pub(crate) content: Value,
}

/// Runs, records, events, evidence, and the links over them. It holds no secret: those are sealed
/// handles in the journal already, and the key is not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    format: String,
    version: u32,
    exported_at: Timestamp,
    pub(crate) counters: BTreeMap<String, i64>,
    pub(crate) anchor: Option<Anchor>,
    pub(crate) runs: Vec<RunRow>,
    pub(crate) records: Vec<Numbered>,
    pub(crate) events: Vec<Numbered>,
    pub(crate) evidence: Vec<Numbered>,
    pub(crate) links: Vec<Link>,
    pub(crate) run_links: Vec<RunLink>,
    /// Records that cannot be read, in words.
    pub(crate) unreadable: Vec<String>,
}

impl Ledger {
    /// The ledger in the file of an export.
    ///
    /// # Errors
    /// `ConfigurationInvalid` where it is none, `StateNewer` where a newer version wrote it.
    pub fn parse(content: &[u8]) -> Result<Self> {
        let wrong = |cause: String| {
            Diagnostic::new(Code::ConfigurationInvalid, "The file is no export of an audit chain")
                .next("Make one with: credwright audit export FILE")
                .cause(cause)
        };
        let value: Value =
            serde_json::from_slice(content).map_err(|error| wrong(error.to_string()))?;
        if value["format"] != FORMAT {
            return Err(wrong(format!("it does not say \"format\": \"{FORMAT}\"")));
        }
        if value["version"].as_u64() != Some(u64::from(VERSION)) {
            let what = "The export was written by a newer version of credwright";
            return Err(Diagnostic::new(Code::StateNewer, what).next("Use the newer version."));
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// Checks every link, and everything that has one.
    pub fn verify(&self, key: &AuditKey) -> AuditReport {
        verify(self, key, self.anchor.as_ref())
    }

    /// The same, beside another anchor than the one that came with it.
    pub fn verify_beside(&self, key: &AuditKey, anchor: &Anchor) -> AuditReport {
        verify(self, key, Some(anchor))
    }
}

impl Store {
    /// Everything that the audit chains are of, as it was at one moment.
    ///
    /// # Errors
    /// As the database says. What cannot be read of it is named in the ledger.
    pub async fn ledger(&self) -> Result<Ledger> {
        // The anchor first: what is appended meanwhile makes the chain longer, never shorter.
        let anchor = self.anchor()?;
        let mut change = self.reading().await?;
        let result = read(&mut change, anchor, self.0.ports.clock.now()).await;
        change.finish(result, &|| Ok(())).await
    }

    /// Verifies the audit chains: that nothing was altered, removed, reordered, inserted or cut off.
    ///
    /// # Errors
    /// As [`Store::ledger`]. A chain that is broken is no error but a report that says so.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        Ok(self.ledger().await?.verify(&self.0.key))
    }

    /// The same, beside another anchor than this store's.
    ///
    /// # Errors
    /// As [`Store::verify_audit`].
    pub async fn verify_audit_beside(&self, anchor: &Anchor) -> Result<AuditReport> {
        Ok(self.ledger().await?.verify_beside(&self.0.key, anchor))
    }
}

async fn read(
    change: &mut Transaction<'_>,
    anchor: Option<Anchor>,
    now: Timestamp,
) -> Result<Ledger> {
    let mut ledger = Ledger {
        format: FORMAT.to_owned(),
        version: VERSION,
        exported_at: now,
        counters: BTreeMap::new(),
        anchor,
        runs: Vec::new(),
        records: Vec::new(),
        events: Vec::new(),
        evidence: Vec::new(),
        links: Vec::new(),
        run_links: Vec::new(),
        unreadable: Vec::new(),
    };
    for row in change.rows(Query::new("SELECT name, value FROM counters")).await? {
        ledger.counters.insert(row.text("name")?, row.number("value")?);
    }
    let unreadable = &mut ledger.unreadable;
    let rows = change.rows(Query::new("SELECT * FROM links ORDER BY number")).await?;
    ledger.links = readable(&rows, "link", "number", unreadable, Link::read);
    let rows = change.rows(Query::new("SELECT * FROM run_links ORDER BY record")).await?;
    ledger.run_links = readable(&rows, "link of record", "record", unreadable, RunLink::read);
    let rows = change.rows(Query::new("SELECT * FROM events ORDER BY sequence")).await?;
    ledger.events = readable(&rows, "event", "sequence", unreadable, |row| {
        Ok(Numbered { number: row.number("sequence")?, content: events::read_audited(row)? })
    });
    let rows = change.rows(Query::new("SELECT * FROM evidence ORDER BY sequence")).await?;
    ledger.evidence = readable(&rows, "evidence", "sequence", unreadable, |row| {
        Ok(Numbered { number: row.number("sequence")?, content: evidence::read_audited(row)? })
    });
    for (number, entry) in journal::read_all(change, unreadable).await? {
        ledger.records.push(Numbered { number, content: super::link::entry_value(&entry)? });
    }
    ledger.runs = read_runs(change, unreadable).await?;
    Ok(ledger)
}

/// What can be read of rows; the others are named.
fn readable<T>(
    rows: &[Row],
    what: &str,
    column: &str,
    unreadable: &mut Vec<String>,
    read: impl Fn(&Row) -> Result<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    for row in rows {
        match read(row) {
            Ok(value) => found.push(value),
            Err(error) => {
                let number = row.number(column).map_or("?".to_owned(), |n| n.to_string());
                unreadable.push(format!("{what} {number}: {}", error.causes.join(": ")));
            }
        }
    }
    found
}

async fn read_runs(
    change: &mut Transaction<'_>,
    unreadable: &mut Vec<String>,
) -> Result<Vec<RunRow>> {
    let rows = change.rows(Query::new("SELECT * FROM runs")).await?;
    let mut runs = BTreeMap::new();
    for row in &rows {
        match read_run(row) {
            Ok(run) => drop(runs.insert(run.id.clone(), run)),
            Err(error) => {
                let id = row.text("id").unwrap_or_default();
                unreadable.push(format!("run {id}: {}", error.causes.join(": ")));
            }
        }
    }
    let query = Query::new(
        "SELECT run_sources.run, run_sources.name, run_sources.sha256, sources.content \
         FROM run_sources LEFT JOIN sources ON sources.sha256 = run_sources.sha256",
    );
    for row in change.rows(query).await? {
        let (run, name, sha256) = (row.text("run")?, row.text("name")?, row.text("sha256")?);
        // A text that cannot be read is not the one that was kept either.
        let fits = row.json::<String>("content").is_ok_and(|text| is_text_of(&text, &sha256));
        match runs.get_mut(&run) {
            Some(run) => run.sources.push((name, sha256, fits)),
            None => unreadable.push(format!("text '{name}': it belongs to no run ({run})")),
        }
    }
    let mut runs: Vec<RunRow> = runs.into_values().collect();
    for run in &mut runs {
        run.sources.sort();
    }
    Ok(runs)
}

fn read_run(row: &Row) -> Result<RunRow> {
    let sandbox = row.optional_number("sandbox")?.map(|_| row.flag("sandbox")).transpose()?;
    let members = [
        ("script", row.text("script")?.into()),
        ("parameters", row.json("parameters")?),
        ("started_at", row.number("started_at")?.into()),
        ("owner", row.json("owner")?),
        ("status", row.text("status")?.into()),
        ("ended_at", row.optional_number("ended_at")?.into()),
        ("exit_code", row.optional_number("exit_code")?.into()),
        ("tenant_id", row.optional_text("tenant_id")?.into()),
        ("sandbox", sandbox.into()),
        ("attempts", row.number("attempts")?.into()),
        ("options", row.json("options")?),
    ];
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(RunRow { id: row.text("id")?, members, sources: Vec::new() })
}
