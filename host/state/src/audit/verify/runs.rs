//! The chains of the runs: their records, and what became of the runs themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::host::Chain;
use super::{AuditReport, Origin, Problem, Walk, missing, span_words};
use crate::audit::ledger::{Ledger, Numbered, RunRow};
use crate::audit::{AuditKey, RunLink, canonical, of_run};

/// What the chains of runs are verified against.
struct Runs<'a> {
    ledger: &'a Ledger,
    key: &'a AuditKey,
    origin: &'a Origin,
    chain: &'a Chain,
    links: BTreeMap<i64, &'a RunLink>,
    /// Records by number; two of one number are possible where somebody wrote them.
    records: BTreeMap<i64, Vec<&'a Numbered>>,
    missing: Vec<(i64, i64)>,
}

pub(super) fn verify(
    ledger: &Ledger,
    key: &AuditKey,
    origin: &Origin,
    chain: &Chain,
    report: &mut AuditReport,
) {
    let mut records: BTreeMap<i64, Vec<&Numbered>> = BTreeMap::new();
    for record in &ledger.records {
        records.entry(record.number).or_default().push(record);
    }
    let links: BTreeMap<i64, &RunLink> =
        ledger.run_links.iter().map(|link| (link.record, link)).collect();
    let counted = ledger.counters.get("record").copied().unwrap_or(0);
    let last = links.last_key_value().map_or(0, |(number, _)| *number);
    let missing = missing(origin.counter("record") + 1, counted.max(last), links.keys().copied());
    let runs = Runs { ledger, key, origin, chain, links, records, missing };
    runs.tell_missing(last, report);
    if counted < last {
        let detail = format!("it stands at {counted}, but the last record is {last}");
        report.find(Problem::Altered, "the counter of record", detail);
    }
    runs.follow(report);
    runs.verify_records(report);
    runs.verify_heads(report);
    runs.verify_rows(report);
}

/// A record in words, as its link names it.
fn named(link: &RunLink) -> String {
    let RunLink { record, run, kind, subject, .. } = link;
    let kind = kind.replace('_', " ");
    if subject.is_empty() {
        format!("run {run}: record {record} ({kind})")
    } else {
        format!("run {run}: {subject} (record {record}, {kind})")
    }
}

/// A record in words, as it is found.
fn found(record: &Numbered) -> String {
    let content = &record.content;
    let (kind, subject) =
        (super::super::link::entry_kind(content), super::super::link::entry_subject(content));
    let key = &content["key"];
    let run = key["run"].as_str().or(key["call"]["run"].as_str()).unwrap_or("?");
    format!("run {run}: {subject} (record {}, {})", record.number, kind.replace('_', " "))
}

impl Runs<'_> {
    fn covered(&self) -> impl Iterator<Item = &RunLink> {
        let first = self.origin.counter("record").saturating_add(1);
        self.links.range(first..).map(|(_, link)| *link)
    }

    fn is_missing(&self, number: i64) -> bool {
        self.missing.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    fn is_purged(&self, run: &str) -> bool {
        self.chain.purged_runs.contains(run)
    }

    /// Names the numbers that have no link, and what is known of each.
    fn tell_missing(&self, last: i64, report: &mut AuditReport) {
        for (first, end) in self.missing.iter().copied() {
            let near = self.links.range(..first).next_back().map(|(_, link)| *link);
            let of = match (near, self.links.range(end..).next()) {
                (Some(before), Some((_, after))) if before.run != after.run => {
                    format!("between run {} and run {}", before.run, after.run)
                }
                (Some(link), _) => format!("after {}", named(link)),
                (None, Some((_, after))) => format!("before {}", named(after)),
                (None, None) => "of any run".to_owned(),
            };
            let subject = format!("{} {of}", span_words("record", (first, end)));
            if first > last {
                report.find(Problem::Truncated, subject, "the end of the records was cut off");
            } else {
                report.find(Problem::Removed, subject, "removed from its run's chain");
            }
            for record in self.records.range(first..=end).flat_map(|(_, records)| records) {
                let detail = "its link was removed, or it was never recorded";
                report.find(Problem::Removed, found(record), detail);
            }
        }
    }

    /// Each link must follow from the one before it in its run.
    fn follow(&self, report: &mut AuditReport) {
        let mut walks: BTreeMap<&str, (i64, Walk)> = BTreeMap::new();
        let older = self.origin.counter("record");
        for link in self.links.values() {
            let (before, walk) =
                walks.entry(&link.run).or_insert_with(|| (older, Walk::after(None)));
            if link.record <= older {
                *walk = Walk::after(Some(&link.chain));
                continue;
            }
            let follows = walk.follows(&link.chain, |before| link.expected(self.key, before));
            if !follows {
                // A gap is told already, and nothing is known of what a link after it followed from.
                if self.missing.iter().any(|(first, _)| (*before..link.record).contains(first)) {
                    *walk = Walk::after(Some(&link.chain));
                } else {
                    let detail = "it does not follow from the record before it: one of its members was altered, or it is out of its place";
                    report.find(Problem::Altered, named(link), detail);
                }
            }
            *before = link.record;
        }
    }

    /// Each record must be what its link is of, and each must have a link.
    fn verify_records(&self, report: &mut AuditReport) {
        let mut altered = Vec::new();
        for link in self.covered().filter(|link| !is_of_run(&link.kind)) {
            if link.content.is_some() {
                report.find(Problem::Altered, named(link), "a content was put into its link");
            }
            let records = self.records.get(&link.record).map_or(&[][..], Vec::as_slice);
            if self.is_purged(&link.run) {
                for record in records {
                    let detail = "its run was purged, and it was put back";
                    report.find(Problem::Inserted, found(record), detail);
                }
                continue;
            }
            if records.is_empty() {
                report.find(Problem::Removed, named(link), "it was removed");
            }
            if records.len() > 1 {
                report.find(Problem::Inserted, named(link), "there are two of this number");
            }
            for record in records {
                if self.digest(record) != link.digest {
                    altered.push((link, *record));
                }
            }
        }
        for (link, record) in &altered {
            let place = altered.iter().find(|(other, _)| self.digest(record) == other.digest);
            match place {
                Some((other, _)) => {
                    let detail = format!("what stands there belongs to record {}", other.record);
                    report.find(Problem::Reordered, named(link), detail);
                }
                None => report.find(Problem::Altered, named(link), "it was altered"),
            }
        }
        let older = self.origin.counter("record");
        for record in self.ledger.records.iter().filter(|record| record.number > older) {
            let linked = self.links.get(&record.number).is_some_and(|link| !is_of_run(&link.kind));
            if !linked && !self.is_missing(record.number) {
                report.find(Problem::Inserted, found(record), "no link of its run knows it");
            }
        }
    }

    fn digest(&self, record: &Numbered) -> String {
        let kind = super::super::link::entry_kind(&record.content);
        // What was read as JSON can be written as JSON.
        self.key.digest(kind, &canonical(&record.content).unwrap_or_default())
    }

    /// Begins and ends of runs are in both chains, and must be the same there.
    fn verify_heads(&self, report: &mut AuditReport) {
        let mut heads = BTreeSet::new();
        for head in &self.chain.heads {
            heads.insert(head.record);
            let subject = format!("run {}: its {} (record {})", head.run, head.kind, head.record);
            match self.links.get(&head.record) {
                Some(link) if link.run == head.run && link.kind == head.kind => {
                    if link.chain != head.chain {
                        let detail =
                            format!("its chain is not the one that link {} has", head.link);
                        report.find(Problem::Altered, subject, detail);
                    }
                }
                // Where the number is missing altogether this says what it was.
                _ if head.kind == of_run::END => {
                    let detail = format!("cut off, though link {} knows that it ended", head.link);
                    report.find(Problem::Truncated, subject, detail);
                }
                _ => {
                    let detail = format!("removed, though link {} knows it", head.link);
                    report.find(Problem::Removed, subject, detail);
                }
            }
        }
        for link in self.covered() {
            let is_head =
                [of_run::BEGIN, of_run::RESUME, of_run::END].contains(&link.kind.as_str());
            if is_head && !heads.contains(&link.record) {
                report.find(Problem::Inserted, named(link), "the host's chain does not know it");
            }
        }
        self.find_added(report);
    }

    /// Nothing comes after the end of a run but its resumption.
    fn find_added(&self, report: &mut AuditReport) {
        let mut ends: BTreeMap<&str, i64> = BTreeMap::new();
        for head in &self.chain.heads {
            match head.kind.as_str() {
                of_run::END => drop(ends.insert(&head.run, head.record)),
                _ => drop(ends.remove(head.run.as_str())),
            }
        }
        for link in self.covered() {
            if ends.get(link.run.as_str()).is_some_and(|end| link.record > *end) {
                report.find(Problem::Inserted, named(link), "it comes after the end of its run");
            }
        }
    }

    /// The rows of the runs must be what their links say.
    fn verify_rows(&self, report: &mut AuditReport) {
        let mut chains: BTreeMap<&str, Vec<&RunLink>> = BTreeMap::new();
        for link in self.covered() {
            chains.entry(&link.run).or_default().push(link);
        }
        let rows: BTreeMap<&str, &RunRow> =
            self.ledger.runs.iter().map(|run| (run.id.as_str(), run)).collect();
        for (id, links) in &chains {
            let subject = format!("run {id}");
            match rows.get(id) {
                Some(_) if self.is_purged(id) => {
                    report.find(Problem::Inserted, subject, "it was purged, and was put back");
                }
                Some(row) => self.verify_row(row, links, report),
                None if !self.is_purged(id) => {
                    report.find(Problem::Removed, subject, "it was removed");
                }
                None => {}
            }
        }
        for run in &self.ledger.runs {
            let known = chains.contains_key(run.id.as_str()) || self.origin.runs.contains(&run.id);
            if !known {
                let detail = "no link of any chain knows it";
                report.find(Problem::Inserted, format!("run {}", run.id), detail);
            }
        }
    }

    fn verify_row(&self, row: &RunRow, links: &[&RunLink], report: &mut AuditReport) {
        let mut expected = Map::new();
        let mut sources = None;
        for link in links.iter().filter(|link| is_of_run(&link.kind)) {
            if !link.keeps_content(self.key) {
                report.find(Problem::Altered, named(link), "the content of its link was altered");
                continue;
            }
            let content = link.content.as_deref().unwrap_or_default();
            let content: Value = serde_json::from_str(content).unwrap_or_default();
            match link.kind.as_str() {
                of_run::SOURCES => {
                    sources = Some(content);
                    continue;
                }
                of_run::BEGIN => {
                    expected = begun();
                    sources.get_or_insert(json!([]));
                }
                of_run::RESUME => expected.extend(running()),
                _ => {}
            }
            expected.extend(content.as_object().cloned().unwrap_or_default());
        }
        for (name, recorded) in expected.iter().filter(|(name, _)| *name != "id") {
            let now = row.members.get(name).unwrap_or(&Value::Null);
            if now != recorded {
                let detail =
                    format!("its {} is {now}, recorded was {recorded}", name.replace('_', " "));
                report.find(Problem::Altered, format!("run {}", row.id), detail);
            }
        }
        if let Some(recorded) = sources {
            verify_sources(row, &recorded, report);
        }
    }
}

fn is_of_run(kind: &str) -> bool {
    use of_run::{BEGIN, END, RESUME, SOURCES, STATUS, TENANT};
    [BEGIN, RESUME, SOURCES, TENANT, STATUS, END].contains(&kind)
}

/// What a run's row holds beside its begin.
fn begun() -> Map<String, Value> {
    let mut members = running();
    members.extend(["tenant_id", "sandbox"].map(|name| (name.to_owned(), Value::Null)));
    members
}

fn running() -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("status".to_owned(), "running".into());
    members.extend(["ended_at", "exit_code"].map(|name| (name.to_owned(), Value::Null)));
    members
}

fn verify_sources(row: &RunRow, recorded: &Value, report: &mut AuditReport) {
    let subject = |name: &str| format!("run {}: text '{name}'", row.id);
    let recorded: BTreeMap<&str, &str> = recorded
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
        .collect();
    for (name, sha256, fits) in &row.sources {
        match recorded.get(name.as_str()) {
            None => report.find(Problem::Inserted, subject(name), "the run did not run it"),
            Some(known) if known != sha256 || !fits => {
                report.find(Problem::Altered, subject(name), "it is not the text that was run");
            }
            Some(_) => {}
        }
    }
    for name in recorded.keys() {
        if !row.sources.iter().any(|(known, ..)| known == name) {
            report.find(Problem::Removed, subject(name), "it was removed");
        }
    }
}
