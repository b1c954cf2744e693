//! The audit chains: a keyed hash chain for each run over its records, and one over the heads of
//! the runs, the events and the evidence.
//!
//! A link is written in the transaction that writes what it is of, so that nothing is ever there
//! without its link. Numbers are taken in the same transaction, under the lock of their counter's
//! row: they have no gaps, and a link follows from the one before it even where several hosts write
//! to one database. Those share one key: the file `audit.key`.

pub(crate) mod anchor;
pub(crate) mod key;
pub mod ledger;
mod link;
pub mod restore;
pub mod verify;

use base::{Code, Diagnostic, Result, Timestamp};
use effect::Entry;
use serde::Serialize;
use serde_json::{Value, json};

pub use anchor::Anchor;
pub use key::AuditKey;
pub(crate) use link::{Link, RunLink};

use crate::database::Transaction;
use crate::folder::sha256;
use crate::query::Query;
use crate::writer::Writer;

/// What the links of a run's chain are of, beside the records of its journal.
pub(crate) mod of_run {
    /// It began.
    pub(crate) const BEGIN: &str = "begin";
    /// It goes on in another process.
    pub(crate) const RESUME: &str = "resume";
    /// The texts that it runs.
    pub(crate) const SOURCES: &str = "sources";
    /// The tenant in view.
    pub(crate) const TENANT: &str = "tenant";
    /// What is being done with it.
    pub(crate) const STATUS: &str = "status";
    /// It ended.
    pub(crate) const END: &str = "end";
}

/// What the links of the host's chain are of, beside the heads of runs (`run_begin`, `run_end` …).
pub(crate) mod of_host {
    /// A chain begins here: what was recorded before it is not covered by it.
    pub(crate) const ORIGIN: &str = "origin";
    /// An event.
    pub(crate) const EVENT: &str = "event";
    /// Evidence.
    pub(crate) const EVIDENCE: &str = "evidence";
    /// Records were taken away on purpose.
    pub(crate) const CHECKPOINT: &str = "checkpoint";
    /// A state that is older than its anchor was accepted.
    pub(crate) const RESTORED: &str = "restored";
    /// What the kinds of the heads of runs begin with.
    pub(crate) const HEAD: &str = "run_";
}

/// The end of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) number: i64,
    pub(crate) chain: String,
}

/// JSON as it is digested. Two texts are the same exactly where their values are, as numbers come
/// back from the database to the last bit, and members in their order.
pub(crate) fn canonical(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Diagnostic::new(Code::Internal, "A record cannot be written as JSON").source(&error)
    })
}

/// What a link of the host's chain says of records that are gone or that it does not cover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Purged {
    pub(crate) runs: Vec<String>,
    /// Spans of numbers, first and last.
    pub(crate) events: Vec<(i64, i64)>,
    pub(crate) evidence: Vec<(i64, i64)>,
}

/// Numbers as spans of neighbours.
pub(crate) fn spans(numbers: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut sorted: Vec<i64> = numbers.into_iter().collect();
    sorted.sort_unstable();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for number in sorted {
        match spans.last_mut() {
            Some((_, last)) if number <= last.saturating_add(1) => *last = number,
            _ => spans.push((number, number)),
        }
    }
    spans
}

impl Writer {
    /// Begins the host's chain where there is none yet. What was recorded before is named as not
    /// covered by it.
    pub(crate) async fn begin_chain(&self, change: &mut Transaction<'_>) -> Result<()> {
        // The number is taken only where it is the first: of two hosts that come at once, one waits
        // for the other and then finds it taken.
        let first = Query::new("UPDATE counters SET value = 1 WHERE name = 'link' AND value = 0");
        if change.execute(first).await? == 0 {
            return Ok(());
        }
        let state_id = self.store().new_id();
        self.write_origin(change, 1, &state_id).await.map(drop)
    }

    /// Writes the link by which a chain begins under this host's key.
    pub(crate) async fn write_origin(
        &self,
        change: &mut Transaction<'_>,
        number: i64,
        state_id: &str,
    ) -> Result<Head> {
        let mut counters = serde_json::Map::new();
        for row in change.rows(Query::new("SELECT name, value FROM counters")).await? {
            counters.insert(row.text("name")?, row.number("value")?.into());
        }
        let rows = change.rows(Query::new("SELECT id FROM runs ORDER BY id")).await?;
        let runs = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>>>()?;
        let key = self.store().0.key.fingerprint();
        let content = json!({ "key": key, "counters": counters, "runs": runs });
        let content = canonical(&content)?;
        self.write_link(change, number, of_host::ORIGIN, state_id, &content, true).await
    }

    /// Appends a link of something that has a record of its own elsewhere.
    pub(crate) async fn link(
        &self,
        change: &mut Transaction<'_>,
        kind: &str,
        sequence: i64,
        record: &Value,
    ) -> Result<Head> {
        let number = change.numbers("link", 1).await?;
        let content = canonical(record)?;
        self.write_link(change, number, kind, &sequence.to_string(), &content, false).await
    }

    /// Appends a link that keeps its content itself.
    pub(crate) async fn link_kept(
        &self,
        change: &mut Transaction<'_>,
        kind: &str,
        subject: &str,
        content: &impl Serialize,
    ) -> Result<Head> {
        let number = change.numbers("link", 1).await?;
        self.write_link(change, number, kind, subject, &canonical(content)?, true).await
    }

    async fn write_link(
        &self,
        change: &mut Transaction<'_>,
        number: i64,
        kind: &str,
        subject: &str,
        content: &str,
        kept: bool,
    ) -> Result<Head> {
        let before = Query::new("SELECT chain FROM links WHERE number = $1").bind(number - 1);
        let before = change.row(before).await?.map(|row| row.text("chain")).transpose()?;
        let key = &self.store().0.key;
        let mut link = Link {
            number,
            at: self.now().as_millis(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            content: kept.then(|| content.to_owned()),
            digest: key.digest(kind, content),
            chain: String::new(),
        };
        link.chain = link.expected(key, before.as_deref());
        change.execute(link.inserted()).await?;
        Ok(Head { number, chain: link.chain })
    }

    /// Appends the links of records that were just written under the numbers from `first` on.
    pub(crate) async fn link_entries(
        &self,
        change: &mut Transaction<'_>,
        first: i64,
        entries: &[Entry],
    ) -> Result<()> {
        let mut before = self.run_head(change).await?;
        for (record, entry) in (first..).zip(entries) {
            let value = link::entry_value(entry)?;
            let (kind, subject) = (link::entry_kind(&value), link::entry_subject(&value));
            let content = canonical(&value)?;
            let link = self.run_link(record, kind, &subject, &content, before.as_deref());
            change.execute(link.inserted()).await?;
            before = Some(link.chain);
        }
        Ok(())
    }

    /// Appends a link of what became of this writer's run itself. The head of its chain goes into
    /// the host's one where `kind` is a begin or an end of it.
    pub(crate) async fn link_run(
        &self,
        change: &mut Transaction<'_>,
        kind: &str,
        content: &Value,
    ) -> Result<Option<Head>> {
        let record = change.numbers("record", 1).await?;
        let before = self.run_head(change).await?;
        let content = canonical(content)?;
        let mut link = self.run_link(record, kind, "", &content, before.as_deref());
        link.content = Some(content);
        change.execute(link.inserted()).await?;
        if ![of_run::BEGIN, of_run::RESUME, of_run::END].contains(&kind) {
            return Ok(None);
        }
        let head = json!({ "record": record, "chain": link.chain });
        let kind = format!("{}{kind}", of_host::HEAD);
        self.link_kept(change, &kind, &self.run().0, &head).await.map(Some)
    }

    fn run_link(
        &self,
        record: i64,
        kind: &str,
        subject: &str,
        content: &str,
        before: Option<&str>,
    ) -> RunLink {
        let key = &self.store().0.key;
        let mut link = RunLink {
            record,
            run: self.run().0.clone(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            content: None,
            digest: key.digest(kind, content),
            chain: String::new(),
        };
        link.chain = link.expected(key, before);
        link
    }

    /// The end of the chain of this writer's run.
    async fn run_head(&self, change: &mut Transaction<'_>) -> Result<Option<String>> {
        let query =
            Query::new("SELECT chain FROM run_links WHERE run = $1 ORDER BY record DESC LIMIT 1");
        let row = change.row(query.bind(&self.run().0)).await?;
        row.map(|row| row.text("chain")).transpose()
    }

    /// Appends the link of the texts that this writer's run runs, all that it has now.
    pub(crate) async fn link_sources(&self, change: &mut Transaction<'_>) -> Result<()> {
        let query = Query::new("SELECT name, sha256 FROM run_sources WHERE run = $1");
        let mut sources = Vec::new();
        for row in change.rows(query.bind(&self.run().0)).await? {
            sources.push((row.text("name")?, row.text("sha256")?));
        }
        // Sorted here, because databases sort texts differently.
        sources.sort();
        self.link_run(change, of_run::SOURCES, &json!(sources)).await.map(drop)
    }

    /// Appends the checkpoint of a purge, which takes the runs' own texts out of their links too.
    pub(crate) async fn link_purge(
        &self,
        change: &mut Transaction<'_>,
        purged: &Purged,
    ) -> Result<()> {
        if *purged == Purged::default() {
            return Ok(());
        }
        for run in &purged.runs {
            let emptied = Query::new("UPDATE run_links SET content = NULL WHERE run = $1");
            change.execute(emptied.bind(run)).await?;
        }
        self.link_kept(change, of_host::CHECKPOINT, &self.run().0, purged).await.map(drop)
    }
}

/// What the begin of a run is digested as.
pub(crate) fn begin_content(run: &str, script: &str, parameters: &Value, at: Timestamp) -> Value {
    json!({ "id": run, "script": script, "parameters": parameters, "started_at": at.as_millis() })
}

/// Whether a text is the one of a digest.
pub(crate) fn is_text_of(text: &str, digest: &str) -> bool {
    sha256(text.as_bytes()) == digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_span() {
        assert_eq!(spans([]), []);
        assert_eq!(spans([7, 3, 1, 2, 9, 8]), [(1, 3), (7, 9)]);
        assert_eq!(spans([i64::MAX]), [(i64::MAX, i64::MAX)]);
    }
}
