//! Links, and what they are computed from.

use base::Result;
use effect::Entry;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::AuditKey;
use crate::query::{Query, Row};

/// A link of the host's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) content: Option<String>,
    pub(crate) digest: String,
    pub(crate) chain: String,
}

impl Link {
    /// The value that its chain must have after the one `before`.
    pub(crate) fn expected(&self, key: &AuditKey, before: Option<&str>) -> String {
        key.chain(&("host", before, self.number, self.at, &self.kind, &self.subject, &self.digest))
    }

    /// Whether it keeps what it is of, and that is what it was.
    pub(crate) fn keeps_content(&self, key: &AuditKey) -> bool {
        self.content
            .as_deref()
            .is_some_and(|content| key.digest(&self.kind, content) == self.digest)
    }

    pub(crate) fn inserted(&self) -> Query {
        Query::new(
            "INSERT INTO links (number, at, kind, subject, content, digest, chain) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.number)
        .bind(self.at)
        .bind(&self.kind)
        .bind(&self.subject)
        .bind(self.content.as_deref())
        .bind(&self.digest)
        .bind(&self.chain)
    }

    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            number: row.number("number")?,
            at: row.number("at")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            content: row.optional_text("content")?,
            digest: row.text("digest")?,
            chain: row.text("chain")?,
        })
    }
}

/// A link of a run's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunLink {
    pub(crate) record: i64,
    pub(crate) run: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) content: Option<String>,
    pub(crate) digest: String,
    pub(crate) chain: String,
}

impl RunLink {
    /// The value that its chain must have after the one `before`.
    pub(crate) fn expected(&self, key: &AuditKey, before: Option<&str>) -> String {
        let Self { record, run, kind, subject, digest, .. } = self;
        key.chain(&("run", before, record, run, kind, subject, digest))
    }

    /// Whether it keeps what it is of, and that is what it was.
    pub(crate) fn keeps_content(&self, key: &AuditKey) -> bool {
        self.content
            .as_deref()
            .is_some_and(|content| key.digest(&self.kind, content) == self.digest)
    }

    pub(crate) fn inserted(&self) -> Query {
        Query::new(
            "INSERT INTO run_links (record, run, kind, subject, content, digest, chain) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.record)
        .bind(&self.run)
        .bind(&self.kind)
        .bind(&self.subject)
        .bind(self.content.as_deref())
        .bind(&self.digest)
        .bind(&self.chain)
    }

    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            record: row.number("record")?,
            run: row.text("run")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            content: row.optional_text("content")?,
            digest: row.text("digest")?,
            chain: row.text("chain")?,
        })
    }
}

/// A record of the journal as it is digested. Whoever gives a record a new member must leave it
/// out where it says nothing, or the digests of older records no longer fit.
pub(crate) fn entry_value(entry: &Entry) -> Result<Value> {
    serde_json::to_value(entry).map_err(|error| {
        base::Diagnostic::new(base::Code::Internal, "A record cannot be written as JSON")
            .source(&error)
    })
}

/// What kind of record it is: `call_began`, `step_ended` …
pub(crate) fn entry_kind(entry: &Value) -> &str {
    entry["record"].as_str().unwrap_or("record")
}

/// Which call or step a record is of, in words.
pub(crate) fn entry_subject(entry: &Value) -> String {
    let key = &entry["key"];
    let call = if key["call"].is_object() { &key["call"] } else { key };
    let mut subject = format!("call {}", call["sequence"]);
    if let Some(step) = key["step"].as_u64() {
        subject = format!("step {step} of {subject}");
    }
    match call["branch"].as_str() {
        Some("") | None => subject,
        Some(branch) => format!("{subject} of branch '{branch}'"),
    }
}
