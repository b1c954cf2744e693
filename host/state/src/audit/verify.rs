//! Verifying the audit chains: what was altered, removed, reordered, inserted or cut off, in words.

mod host;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::anchor::{Mismatch, compare};
use super::ledger::Ledger;
use super::{Anchor, AuditKey, Link, of_host};

words! {
    /// What is wrong with a record.
    pub enum Problem {
        /// It is not what it was.
        Altered = "altered",
        /// It was there, and is not any more.
        Removed = "removed",
        /// It is in the place of another one.
        Reordered = "reordered",
        /// It was never recorded by this program.
        Inserted = "inserted",
        /// The end of a chain is gone.
        Truncated = "truncated",
        /// It cannot be read.
        Unreadable = "unreadable",
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of wrong it is.
    pub problem: Problem,
    /// Which record: of which run, which call or step, or which event.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.subject, self.detail, self.problem)
    }
}

/// What came of verifying.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// The state.
    pub state_id: Option<String>,
    /// Names the key that it was verified with.
    pub key: String,
    /// How many links of the host's chain were checked.
    pub links: usize,
    /// How many links of runs' chains were checked.
    pub records: usize,
    /// How many runs there are.
    pub runs: usize,
    /// How many events.
    pub events: usize,
    /// How much evidence.
    pub evidence: usize,
    /// The link that the anchor names.
    pub anchored_at: Option<i64>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

impl AuditReport {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, problem: Problem, subject: impl Into<String>, detail: impl Into<String>) {
        let (subject, detail) = (subject.into(), detail.into());
        self.findings.push(Finding { problem, subject, detail });
    }
}

/// Where the chain begins that is verified, and what is older than it.
#[derive(Default)]
struct Origin {
    number: i64,
    state_id: Option<String>,
    counters: BTreeMap<String, i64>,
    runs: BTreeSet<String>,
}

impl Origin {
    fn of(link: &Link) -> Self {
        #[derive(Deserialize)]
        struct Content {
            counters: BTreeMap<String, i64>,
            runs: BTreeSet<String>,
        }
        let content = link.content.as_deref().unwrap_or_default();
        let (counters, runs) = match serde_json::from_str(content) {
            Ok(Content { counters, runs }) => (counters, runs),
            // It was altered then, which its digest tells.
            Err(_) => Default::default(),
        };
        Self { number: link.number, state_id: Some(link.subject.clone()), counters, runs }
    }

    /// The last number of a series that is older than the chain.
    fn counter(&self, series: &str) -> i64 {
        self.counters.get(series).copied().unwrap_or(0)
    }
}

pub(super) fn verify(ledger: &Ledger, key: &AuditKey, anchor: Option<&Anchor>) -> AuditReport {
    let mut report = AuditReport {
        key: key.fingerprint(),
        links: ledger.links.len(),
        records: ledger.run_links.len(),
        runs: ledger.runs.len(),
        events: ledger.events.len(),
        evidence: ledger.evidence.len(),
        anchored_at: anchor.map(|anchor| anchor.number),
        ..AuditReport::default()
    };
    for what in &ledger.unreadable {
        let (subject, cause) = what.split_once(": ").unwrap_or((what, ""));
        report.find(Problem::Unreadable, subject, format!("it cannot be read: {cause}"));
    }
    if let Some(origin) = find_origin(ledger, &mut report) {
        report.state_id.clone_from(&origin.state_id);
        let chain = host::verify(ledger, key, &origin, &mut report);
        runs::verify(ledger, key, &origin, &chain, &mut report);
    }
    verify_anchor(ledger, anchor, &mut report);
    report
}

/// The last origin under this key. None where there is nothing more to verify.
fn find_origin(ledger: &Ledger, report: &mut AuditReport) -> Option<Origin> {
    let origins = || ledger.links.iter().filter(|link| link.kind == of_host::ORIGIN);
    let made_with = |link: &Link| {
        let content = link.content.as_deref().unwrap_or_default();
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        content["key"].as_str().map(str::to_owned)
    };
    let ours = origins().rfind(|link| made_with(link).as_ref() == Some(&report.key));
    if let Some(link) = ours {
        if link.number > 1 {
            report.notes.push(format!(
                "The chain begins with link {}: what is older was recorded under another key, and \
                 cannot be verified with this one.",
                link.number
            ));
        }
        if let Some(later) = origins().find(|other| other.number > link.number) {
            let detail = "a chain under another key begins here, which this key cannot verify";
            report.find(Problem::Inserted, format!("link {}", later.number), detail);
        }
        return Some(Origin::of(link));
    }
    if let Some(link) = origins().next_back() {
        let other = made_with(link).unwrap_or_default();
        report.find(
            Problem::Altered,
            format!("link {} (origin)", link.number),
            format!("the chain was made with another key ({other}) than this one ({})", report.key),
        );
        return None;
    }
    let linked = !ledger.links.is_empty() || !ledger.run_links.is_empty();
    if !linked && ledger.counters.get("link") == Some(&0) {
        report.notes.push("Nothing was recorded since there are audit chains.".to_owned());
        return None;
    }
    report.find(Problem::Removed, "link 1 (origin)", "the beginning of the chain was removed");
    Some(Origin { number: 1, ..Origin::default() })
}

fn verify_anchor(ledger: &Ledger, anchor: Option<&Anchor>, report: &mut AuditReport) {
    let Some(anchor) = anchor else {
        report.notes.push(
            "There is no anchor: it cannot be told whether the end of the chain was cut off."
                .to_owned(),
        );
        return;
    };
    let link = ledger.links.iter().find(|link| link.number == anchor.number);
    let chain = link.map(|link| link.chain.as_str());
    let known = format!(
        "the anchor knows link {}, when run {} ended at {}",
        anchor.number, anchor.run, anchor.at
    );
    match compare(anchor, report.state_id.as_deref(), chain) {
        None => {}
        Some(Mismatch::Behind) => {
            let last = ledger.links.last().map_or(0, |link| link.number);
            let detail = format!("it ends with link {last}, but {known}");
            report.find(Problem::Truncated, "the host's chain", detail);
        }
        Some(Mismatch::Differs) => {
            let detail = format!("it is another one: {known}");
            report.find(Problem::Altered, format!("link {}", anchor.number), detail);
        }
        Some(Mismatch::OtherState) => {
            let detail = format!("it belongs to the state {}: {known}", anchor.state_id);
            report.find(Problem::Altered, "the anchor", detail);
        }
    }
}

/// The numbers from `first` to `last` that are not there, as spans.
fn missing(first: i64, last: i64, there: impl DoubleEndedIterator<Item = i64>) -> Vec<(i64, i64)> {
    let (mut spans, mut next) = (Vec::new(), first);
    for number in there.filter(|number| *number >= first) {
        if number > next {
            spans.push((next, number - 1));
        }
        next = number.saturating_add(1);
    }
    if last >= next {
        spans.push((next, last));
    }
    spans
}

/// `link 5`, or `links 5 to 7`.
fn span_words(what: &str, (first, last): (i64, i64)) -> String {
    if first == last { format!("{what} {first}") } else { format!("{what}s {first} to {last}") }
}

/// Walks a chain: tells whether each link follows from the one before it. Of a link that was altered
/// itself, the next one may still follow from what it was.
struct Walk {
    stored: Option<String>,
    expected: Option<String>,
}

impl Walk {
    fn after(stored: Option<&str>) -> Self {
        let stored = stored.map(str::to_owned);
        Self { expected: stored.clone(), stored }
    }

    fn follows(&mut self, chain: &str, compute: impl Fn(Option<&str>) -> String) -> bool {
        let from_stored = compute(self.stored.as_deref());
        let from_expected = compute(self.expected.as_deref());
        let follows = chain == from_stored || chain == from_expected;
        self.stored = Some(chain.to_owned());
        self.expected = Some(if follows { chain.to_owned() } else { from_expected });
        follows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_inside_and_at_the_end() {
        assert_eq!(missing(1, 0, [].into_iter()), []);
        assert_eq!(missing(1, 3, [1, 2, 3].into_iter()), []);
        assert_eq!(missing(1, 9, [2, 3, 6].into_iter()), [(1, 1), (4, 5), (7, 9)]);
        assert_eq!(missing(5, 6, [1, 2].into_iter()), [(5, 6)]);
        assert_eq!(missing(5, 4, [7].into_iter()), [(5, 6)]);
    }
}
