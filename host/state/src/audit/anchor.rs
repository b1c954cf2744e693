//! The anchor: the end of the host's chain, kept outside the state folder. A chain that does not
//! reach it was cut off, or the state is an older one.

use std::io;
use std::path::Path;

use base::{Code, Diagnostic, Ports, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Head, Link, of_host};
use crate::query::Query;
use crate::store::Store;
use crate::writer::Writer;

const FORMAT: &str = "credwright-audit-anchor";
const VERSION: u32 = 1;

/// What the anchor file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    format: String,
    version: u32,
    /// The state that it is of.
    pub state_id: String,
    /// The number of the last link.
    pub number: i64,
    /// The value of that link.
    pub chain: String,
    /// The run that ended then.
    pub run: String,
    /// When.
    pub at: Timestamp,
}

impl Anchor {
    /// The anchor in a file; none where there is no file.
    ///
    /// # Errors
    /// `StateCorrupt` where it is damaged, `StateNewer`, `DiskFailed` where it cannot be read.
    pub fn read(path: &Path, ports: &Ports) -> Result<Option<Self>> {
        let shown = path.display();
        match ports.disk.read(path) {
            Ok(content) => Self::parse(&content, &shown.to_string()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let what = format!("The audit anchor {shown} cannot be read");
                Err(Diagnostic::new(Code::DiskFailed, what)
                    .next(format!("Look at it: ls -ld '{shown}'"))
                    .source(&error))
            }
        }
    }

    fn parse(content: &[u8], shown: &str) -> Result<Self> {
        let damaged = |cause: String| {
            Diagnostic::new(Code::StateCorrupt, format!("The audit anchor {shown} is damaged"))
                .meaning(
                    "It cannot be told from it whether the end of the audit chain was cut off.",
                )
                .next("Look at the chain, then begin a new anchor: credwright audit accept-restore")
                .cause(cause)
        };
        let value: Value =
            serde_json::from_slice(content).map_err(|error| damaged(error.to_string()))?;
        if value["format"] == FORMAT && value["version"].as_u64() > Some(u64::from(VERSION)) {
            let what = format!("{shown} was written by a newer version of credwright");
            return Err(Diagnostic::new(Code::StateNewer, what).next("Use the newer version."));
        }
        let anchor: Self =
            serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if anchor.format != FORMAT {
            return Err(damaged(format!("its format is '{}'", anchor.format.escape_debug())));
        }
        Ok(anchor)
    }
}

/// What a chain is beside its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The anchor belongs to another state.
    OtherState,
    /// The chain ends before it.
    Behind,
    /// The chain has another link of that number.
    Differs,
}

/// Compares an anchor with what the chain has: the state's id, and its link of the anchor's number.
pub(crate) fn compare(
    anchor: &Anchor,
    state_id: Option<&str>,
    chain: Option<&str>,
) -> Option<Mismatch> {
    match chain {
        _ if state_id.is_some_and(|id| id != anchor.state_id) => Some(Mismatch::OtherState),
        None => Some(Mismatch::Behind),
        Some(chain) if chain != anchor.chain => Some(Mismatch::Differs),
        Some(_) => None,
    }
}

/// What the end of a state's chain is beside its anchor.
pub(crate) struct Ends {
    pub(crate) state_id: Option<String>,
    /// The key that the chain goes on with.
    key: Option<String>,
    pub(crate) last: Option<Link>,
    at_anchor: Option<String>,
}

impl Store {
    /// Looks at the ends of the chain: one query.
    pub(crate) async fn chain_ends(&self, anchor: Option<&Anchor>) -> Result<Ends> {
        let query = Query::new(
            "SELECT * FROM links WHERE number = $1 \
             OR number = (SELECT max(number) FROM links) \
             OR number = (SELECT max(number) FROM links WHERE kind = 'origin') ORDER BY number",
        );
        let mut ends = Ends { state_id: None, key: None, last: None, at_anchor: None };
        for row in self.rows(query.bind(anchor.map(|anchor| anchor.number))).await? {
            let link = Link::read(&row)?;
            if anchor.is_some_and(|anchor| anchor.number == link.number) {
                ends.at_anchor = Some(link.chain.clone());
            }
            if link.kind == of_host::ORIGIN {
                let content = link.content.as_deref().unwrap_or_default();
                let content: Value = serde_json::from_str(content).unwrap_or_default();
                ends.key = content["key"].as_str().map(str::to_owned);
                ends.state_id = Some(link.subject.clone());
            }
            ends.last = Some(link);
        }
        Ok(ends)
    }

    /// The anchor of this store, where it has one.
    ///
    /// # Errors
    /// As [`Anchor::read`].
    pub fn anchor(&self) -> Result<Option<Anchor>> {
        match &self.0.anchor {
            Some(path) => Anchor::read(path, &self.0.ports),
            None => Ok(None),
        }
    }

    /// Checks that the state is not older than its anchor, and that its chain goes on with this
    /// host's key.
    ///
    /// # Errors
    /// `StateRestored` where it is, as [`Anchor::read`], and as the database says.
    pub async fn check_anchor(&self) -> Result<()> {
        let anchor = self.anchor()?;
        let ends = self.chain_ends(anchor.as_ref()).await?;
        if !ends.goes_on_with(&self.0.key.fingerprint()) {
            return Err(self.other_key());
        }
        let Some(anchor) = anchor else { return Ok(()) };
        match compare(&anchor, ends.state_id.as_deref(), ends.at_anchor.as_deref()) {
            None => Ok(()),
            Some(mismatch) => Err(restored(&anchor, mismatch, ends.last.as_ref())),
        }
    }

    fn other_key(&self) -> Diagnostic {
        let shown = self.0.folder.key_file().display().to_string();
        let what = format!("The audit chain of this state was made with another key than {shown}");
        Diagnostic::new(Code::StateRestored, what)
            .meaning(
                "The key was lost and made anew, or the state comes from elsewhere. With another \
                 key the chain can neither be checked nor go on.",
            )
            .next(format!(
                "Restore {shown} from a backup; hosts that share a database share this file too. \
                 Where it is lost, begin a new chain: credwright audit accept-restore"
            ))
    }
}

impl Ends {
    pub(crate) fn goes_on_with(&self, fingerprint: &str) -> bool {
        self.key.as_deref().is_none_or(|key| key == fingerprint)
    }
}

fn restored(anchor: &Anchor, mismatch: Mismatch, last: Option<&Link>) -> Diagnostic {
    let Anchor { number, run, at, .. } = anchor;
    let known = format!("link {number}, when run {run} ended at {at}");
    let end = match last {
        Some(last) => {
            format!("link {} of {}", last.number, Timestamp::from_millis(last.at))
        }
        None => "nothing".to_owned(),
    };
    let (what, lost) = match mismatch {
        Mismatch::Behind => (
            format!(
                "The state is older than its audit anchor: it ends with {end}, the anchor knows {known}"
            ),
            "It was restored from an older backup, or its end was cut off.",
        ),
        Mismatch::Differs => (
            format!("The state went another way than its audit anchor, which knows {known}"),
            "An older copy of it was used in between, or its records were changed.",
        ),
        Mismatch::OtherState => (
            format!("The audit anchor belongs to another state than this one; it knows {known}"),
            "The state was made anew or brought from elsewhere, or the anchor was.",
        ),
    };
    Diagnostic::new(Code::StateRestored, what)
        .meaning(format!(
            "{lost} What runs did after that is not in it: keys that they made in a tenant are not \
             known here, and connectors may be recorded with credentials that are gone. Nothing was \
             changed."
        ))
        .next(
            "Bring the newer state back where there is one. Else compare the connectors with the \
             tenant (credwright connectors, credwright audit verify), then type: credwright audit \
             accept-restore",
        )
}

impl Writer {
    pub(crate) async fn check_anchor(&self) -> Result<()> {
        self.store().check_anchor().await
    }

    /// Writes the anchor, where the store has one: its chain ends with `head` now.
    pub(crate) async fn write_anchor(&self, head: Head) -> Result<()> {
        let Some(path) = &self.store().0.anchor else { return Ok(()) };
        let ends = self.store().chain_ends(None).await?;
        let anchor = Anchor {
            format: FORMAT.to_owned(),
            version: VERSION,
            state_id: ends.state_id.unwrap_or_default(),
            number: head.number,
            chain: head.chain,
            run: self.run().0.clone(),
            at: self.now(),
        };
        let text = serde_json::to_vec_pretty(&anchor).map_err(|error| {
            Diagnostic::new(Code::Internal, "The audit anchor cannot be written").source(&error)
        })?;
        let written = self.store().0.ports.disk.write_atomic(path, &text, 0o600);
        written.map_err(|error| not_written(path, &error))
    }
}

fn not_written(path: &Path, error: &io::Error) -> Diagnostic {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let code = if full { Code::DiskFull } else { Code::DiskFailed };
    let shown = path.display();
    Diagnostic::new(code, format!("The audit anchor {shown} cannot be written"))
        .meaning(
            "The run has ended and is recorded. But without its anchor it cannot be told later \
             whether the end of the record was cut off.",
        )
        .next(
            "Make its folder writable, or name another file in config.toml (audit_anchor = \
             \"/path\"). The next run writes it again.",
        )
        .source(error)
}
