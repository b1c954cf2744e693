//! The host's chain, and the events and the evidence that it is over.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{AuditReport, Origin, Problem, Walk, missing, span_words};
use crate::audit::ledger::{Ledger, Numbered};
use crate::audit::{AuditKey, Link, Purged, canonical, of_host};

/// The head of a run's chain, as the host's chain has it.
pub(super) struct RunHead {
    /// The link that says so.
    pub(super) link: i64,
    /// `begin`, `resume` or `end`.
    pub(super) kind: String,
    pub(super) run: String,
    pub(super) record: i64,
    pub(super) chain: String,
}

/// What the host's chain says.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) heads: Vec<RunHead>,
    pub(super) purged_runs: BTreeSet<String>,
    purged_events: Vec<(i64, i64)>,
    purged_evidence: Vec<(i64, i64)>,
}

pub(super) fn verify(
    ledger: &Ledger,
    key: &AuditKey,
    origin: &Origin,
    report: &mut AuditReport,
) -> Chain {
    let links = by_number(&ledger.links, report);
    let counted = ledger.counters.get("link").copied().unwrap_or(0);
    find_gaps(&links, origin, counted, report);
    follow(&links, key, origin, report);
    let mut chain = Chain::default();
    for link in links.range(origin.number..).map(|(_, link)| *link) {
        read(link, key, &mut chain, report);
    }
    let covered = || links.range(origin.number..).map(|(_, link)| *link);
    Series {
        what: "event",
        rows: &ledger.events,
        links: covered().filter(|link| link.kind == of_host::EVENT).collect(),
        older: origin.counter("event"),
        counted: ledger.counters.get("event").copied().unwrap_or(0),
        purged: &chain.purged_events,
    }
    .verify(key, report);
    Series {
        what: "evidence",
        rows: &ledger.evidence,
        links: covered().filter(|link| link.kind == of_host::EVIDENCE).collect(),
        older: origin.counter("evidence"),
        counted: ledger.counters.get("evidence").copied().unwrap_or(0),
        purged: &chain.purged_evidence,
    }
    .verify(key, report);
    chain
}

fn by_number<'a>(all: &'a [Link], report: &mut AuditReport) -> BTreeMap<i64, &'a Link> {
    let mut links = BTreeMap::new();
    for link in all {
        if links.insert(link.number, link).is_some() {
            let subject = format!("link {}", link.number);
            report.find(Problem::Inserted, subject, "there are two of this number");
        }
    }
    links
}

fn find_gaps(
    links: &BTreeMap<i64, &Link>,
    origin: &Origin,
    counted: i64,
    report: &mut AuditReport,
) {
    let last = links.last_key_value().map_or(0, |(number, _)| *number);
    // Where the beginning is gone, that was told already.
    let first = if links.contains_key(&origin.number) { origin.number } else { origin.number + 1 };
    for span in missing(first, counted.max(last), links.keys().copied()) {
        let subject = span_words("link", span);
        if span.0 > last {
            report.find(Problem::Truncated, subject, "the end of the host's chain was cut off");
        } else {
            report.find(Problem::Removed, subject, "removed from the host's chain");
        }
    }
    if counted < last {
        let detail = format!("it stands at {counted}, but the last link is {last}");
        report.find(Problem::Altered, "the counter of links", detail);
    }
}

/// A link in words, with what it is of.
fn named(link: &Link) -> String {
    let Link { number, kind, subject, .. } = link;
    match kind.as_str() {
        of_host::EVENT | of_host::EVIDENCE => format!("link {number} ({kind} {subject})"),
        of_host::ORIGIN | of_host::CHECKPOINT | of_host::RESTORED => {
            format!("link {number} ({kind})")
        }
        _ => match kind.strip_prefix(of_host::HEAD) {
            Some(kind) => format!("link {number} ({kind} of run {subject})"),
            None => format!("link {number} ('{}' {subject})", kind.escape_debug()),
        },
    }
}

fn follow(links: &BTreeMap<i64, &Link>, key: &AuditKey, origin: &Origin, report: &mut AuditReport) {
    let stored = |number: i64| links.get(&number).map(|link| link.chain.as_str());
    let mut walk = Walk::after(stored(origin.number - 1));
    let mut before = origin.number - 1;
    for (number, link) in links.range(origin.number..) {
        let follows = walk.follows(&link.chain, |before| link.expected(key, before));
        // After a gap, which is told already, nothing is known of what a link followed from.
        if !follows && before == number - 1 {
            let detail = "it does not follow from the link before it: one of its members was altered, or it is out of its place";
            report.find(Problem::Altered, named(link), detail);
        } else if before != number - 1 {
            walk = Walk::after(Some(&link.chain));
        }
        before = *number;
    }
}

/// Takes up what a link keeps itself.
fn read(link: &Link, key: &AuditKey, chain: &mut Chain, report: &mut AuditReport) {
    #[derive(Deserialize)]
    struct Content {
        record: i64,
        chain: String,
    }
    if [of_host::EVENT, of_host::EVIDENCE].contains(&link.kind.as_str()) {
        if link.content.is_some() {
            report.find(Problem::Altered, named(link), "a content was put into it");
        }
        return;
    }
    if !link.keeps_content(key) {
        report.find(Problem::Altered, named(link), "its content was altered");
        return;
    }
    let content = link.content.as_deref().unwrap_or_default();
    if link.kind == of_host::CHECKPOINT
        && let Ok(purged) = serde_json::from_str::<Purged>(content)
    {
        chain.purged_runs.extend(purged.runs);
        chain.purged_events.extend(purged.events);
        chain.purged_evidence.extend(purged.evidence);
    }
    if let Some(kind) = link.kind.strip_prefix(of_host::HEAD)
        && let Ok(Content { record, chain: value }) = serde_json::from_str(content)
    {
        let (kind, run) = (kind.to_owned(), link.subject.clone());
        chain.heads.push(RunHead { link: link.number, kind, run, record, chain: value });
    }
}

/// Numbered rows of one table, each with a link.
struct Series<'a> {
    what: &'a str,
    rows: &'a [Numbered],
    links: Vec<&'a Link>,
    /// The last number that is older than the chain.
    older: i64,
    counted: i64,
    purged: &'a [(i64, i64)],
}

impl Series<'_> {
    fn named(&self, number: i64) -> String {
        format!("{} {number}", self.what)
    }

    fn is_purged(&self, number: i64) -> bool {
        self.purged.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    fn verify(&self, key: &AuditKey, report: &mut AuditReport) {
        let rows: BTreeMap<i64, &Numbered> =
            self.rows.iter().map(|row| (row.number, row)).collect();
        let linked: BTreeMap<i64, &Link> = self
            .links
            .iter()
            .filter_map(|link| Some((link.subject.parse().ok()?, *link)))
            .collect();
        let mut altered = Vec::new();
        for (number, link) in &linked {
            match rows.get(number) {
                None if !self.is_purged(*number) => {
                    report.find(Problem::Removed, self.named(*number), "it was removed");
                }
                Some(_) if self.is_purged(*number) => {
                    let detail = "it was purged, and was put back";
                    report.find(Problem::Inserted, self.named(*number), detail);
                }
                Some(row) if self.digest(key, row, *number) != link.digest => {
                    altered.push((*number, *link, *row));
                }
                _ => {}
            }
        }
        for (number, link, _) in &altered {
            // Where two rows changed their places, each is what the other was.
            let other = altered.iter().find(|(_, _, row)| {
                row.number != *number && self.digest(key, row, *number) == link.digest
            });
            match other {
                Some((other, ..)) => {
                    let detail = format!("it is in the place of {}", self.named(*other));
                    report.find(Problem::Reordered, self.named(*number), detail);
                }
                None => report.find(Problem::Altered, self.named(*number), "it was altered"),
            }
        }
        for number in rows.keys().filter(|number| **number > self.older) {
            if !linked.contains_key(number) {
                let detail = "no link of the chain knows it";
                report.find(Problem::Inserted, self.named(*number), detail);
            }
        }
        let last = linked.last_key_value().map_or(0, |(number, _)| *number).max(self.older);
        if self.counted != last {
            let detail = format!("it stands at {}, but the last link is of {last}", self.counted);
            report.find(Problem::Altered, format!("the counter of {}", self.what), detail);
        }
    }

    /// What the digest of a row would be if it had that number.
    fn digest(&self, key: &AuditKey, row: &Numbered, number: i64) -> String {
        let mut content = row.content.clone();
        content["sequence"] = number.into();
        // What was read as JSON can be written as JSON.
        key.digest(self.what, &canonical(&content).unwrap_or_default())
    }
}
