//! What happened in a run, kept for whoever wants to compare it.

use std::sync::{Mutex, PoisonError};

use effect::{Event, Observer};

/// Keeps the story of a run, a line an event: `step create_application`, `said …`.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    /// The lines since the last call of this.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::CallBegan { cmdlet, .. } => format!("call {cmdlet}"),
            Event::CallEnded { cmdlet, failure: Some(failure), .. } => {
                format!("failed {cmdlet}: {}", failure.code)
            }
            Event::StepBegan { intent, .. } => format!("step {}", intent.name),
            Event::StepEnded { intent, failure: Some(failure), .. } => {
                format!("failed step {}: {}", intent.name, failure.code)
            }
            Event::WaitEnded { what } => format!("waited for {what}"),
            Event::Said(text) => format!("said {text}"),
            _ => return,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
