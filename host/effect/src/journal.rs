//! The journal of a run: a tree of calls and their steps.

use std::fmt;

use base::{Diagnostic, Result, Timestamp};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::Undo;

/// Names a run on this host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call's place in its run. Its cmdlet and arguments are compared on replay, not part of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallKey {
    /// The run.
    pub run: RunId,
    /// The branch of the script; the trunk is the empty text.
    pub branch: String,
    /// Counts the calls of the branch, from 1.
    pub sequence: u64,
}

/// A step's place in its call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepKey {
    /// The call.
    pub call: CallKey,
    /// Counts the steps of the call, from 1.
    pub step: u32,
}

/// One external change, written down before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepIntent {
    /// Names the step within its cmdlet, such as `create_application`.
    pub name: String,
    /// What it does, for a person: `create application ConnectSyncProvisioning_…`.
    pub summary: String,
    /// What was chosen beforehand to find its result by: a key URI, a certificate's SHA-256, a
    /// `uniqueName`.
    pub marker: Value,
    /// How it is taken back.
    pub undo: Undo,
}

/// How a call or a step ended. Errors are outcomes too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done, and this is its value.
    Done(Value),
    /// It failed.
    Failed(Diagnostic),
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Entry {
    /// A call began.
    CallBegan {
        /// The call.
        key: CallKey,
        /// The cmdlet.
        cmdlet: String,
        /// Its arguments as given, without defaults.
        arguments: Value,
        /// The capability it uses; none for a read.
        capability: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// A call ended.
    CallEnded {
        /// The call.
        key: CallKey,
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
    /// A call chose something beforehand that it cannot choose again: an id, a certificate. It is
    /// written with the intent that relies on it.
    Chosen {
        /// The call.
        key: CallKey,
        /// What was chosen, by name within the call.
        name: String,
        /// What was chosen. Never a secret.
        value: Value,
        /// When.
        at: Timestamp,
    },
    /// A step is about to be made.
    StepIntended {
        /// The step.
        key: StepKey,
        /// What it is.
        intent: StepIntent,
        /// When.
        at: Timestamp,
    },
    /// A step ended.
    StepEnded {
        /// The step.
        key: StepKey,
        /// How.
        outcome: Outcome,
        /// Whether its result was found by looking, after the answer was lost.
        found: bool,
        /// When.
        at: Timestamp,
    },
}

impl Entry {
    /// The call that the record belongs to.
    pub fn call(&self) -> &CallKey {
        match self {
            Self::CallBegan { key, .. }
            | Self::CallEnded { key, .. }
            | Self::Chosen { key, .. } => key,
            Self::StepIntended { key, .. } | Self::StepEnded { key, .. } => &key.call,
        }
    }

    /// When it was written.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::CallBegan { at, .. }
            | Self::CallEnded { at, .. }
            | Self::Chosen { at, .. }
            | Self::StepIntended { at, .. }
            | Self::StepEnded { at, .. } => *at,
        }
    }
}

/// Keeps the records of runs.
pub trait Journal: Send + Sync {
    /// Writes the records together, or none of them. When this returns they are on the disk.
    fn commit<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>>;
}
