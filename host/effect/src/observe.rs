//! What happens in a run, for those who show it.

use std::time::Duration;

use base::Diagnostic;

use crate::journal::{CallKey, StepIntent, StepKey};

/// Something that happened in a run, as it happens.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A cmdlet was called.
    CallBegan {
        /// The call.
        key: &'a CallKey,
        /// The cmdlet's name.
        cmdlet: &'a str,
        /// Whether it changes something.
        changes: bool,
    },
    /// A call that was made before the run was interrupted got its recorded outcome.
    CallReplayed {
        /// The call.
        key: &'a CallKey,
        /// The cmdlet's name.
        cmdlet: &'a str,
    },
    /// A cmdlet's call ended.
    CallEnded {
        /// The call.
        key: &'a CallKey,
        /// The cmdlet's name.
        cmdlet: &'a str,
        /// Why it failed, if it did.
        failure: Option<&'a Diagnostic>,
        /// How long it took.
        took: Duration,
    },
    /// A step's intent is on disk and its act begins.
    StepBegan {
        /// The step.
        key: &'a StepKey,
        /// What it is about to do.
        intent: &'a StepIntent,
    },
    /// A step was begun before the run was interrupted; whether it was done is looked for now.
    StepLookedFor {
        /// The step.
        key: &'a StepKey,
        /// What it was about to do.
        intent: &'a StepIntent,
    },
    /// The run failed, and what it did is taken back from here on.
    Unwinding,
    /// A step is about to be taken back.
    TakingBack {
        /// What it did.
        intent: &'a StepIntent,
    },
    /// A step ended.
    StepEnded {
        /// The step.
        key: &'a StepKey,
        /// What it did.
        intent: &'a StepIntent,
        /// Why it failed, if it did.
        failure: Option<&'a Diagnostic>,
    },
    /// Something is being waited for.
    Waiting {
        /// What, such as `key accepted`.
        what: &'a str,
        /// How often it was seen in a row, and how often it must be.
        seen: (u32, u32),
        /// Since when it is waited for.
        waited: Duration,
        /// When patience ends.
        limit: Duration,
    },
    /// A wait ended, one way or the other.
    WaitEnded {
        /// What was waited for.
        what: &'a str,
    },
    /// The script says something.
    Said(&'a str),
}

/// Shows a run to somebody.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// Shows nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: &Event<'_>) {}
}
