//! Calls that are about to pass the gate, and the branches that they are made in.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::change::Effect;
use crate::removal::Circumstance;
use crate::replay::{ASIDE, Replay};

/// A line of calls in a script. Calls of one branch follow each other; branches run side by side.
#[derive(Debug, Default)]
pub struct Branch {
    path: String,
    calls: AtomicU64,
    forks: AtomicU64,
}

impl Branch {
    /// The branch of a script that the trunk forks into under `label`.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        // What separates branches is no part of a label, whatever an item is called.
        let label = label.replace(['/', ASIDE], "_");
        let path = if self.path.is_empty() { label } else { format!("{}/{label}", self.path) };
        Self { path, ..Self::default() }
    }

    /// Counts the places at which this branch forks, from 1. A script that is run again forks in the
    /// same order, so a number that is part of the labels makes them the same again.
    pub fn next_fork(&self) -> u64 {
        self.forks.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn of(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// A side branch, which is not replayed: it belongs to one call of this branch, or to a step.
    #[must_use]
    pub fn aside(&self, label: &str) -> Self {
        Self { path: format!("{}{ASIDE}{label}", self.path), ..Self::default() }
    }

    /// The same branch, of which `made` calls were made already.
    #[must_use]
    pub fn after(self, made: u64) -> Self {
        Self { calls: AtomicU64::new(made), ..self }
    }

    /// How many calls were made.
    pub(crate) fn made(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The sequence of the next call.
    pub(crate) fn next(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Its path; the trunk's is the empty text.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A call that is about to pass the gate.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// The branch it is made in.
    pub branch: &'a Branch,
    /// The cmdlet.
    pub cmdlet: &'a str,
    /// Its arguments as given.
    pub arguments: &'a Value,
    /// What it declares to do.
    pub effect: Effect,
    /// What is done with it when its run is taken up again.
    pub replay: Replay,
    /// The name to type where its impact is high: the connector's.
    pub subject: &'a str,
    /// Whether it takes a step of the same run back, or is asked for by the script.
    pub circumstance: Circumstance,
}
