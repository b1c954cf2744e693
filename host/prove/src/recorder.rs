//! What happened in a run, kept for whoever wants to compare it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use effect::{Event, Observer};

/// Keeps the story of a run, a line an event: `step create_application`, `said …`. It can do
/// something in the middle of it.
#[derive(Default)]
pub struct Recorder(Mutex<Story>);

#[derive(Default)]
struct Story {
    lines: Vec<String>,
    turn: Option<(usize, Box<dyn FnOnce() + Send>)>,
    ended: bool,
}

impl Recorder {
    /// The lines since the last call of this.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.story().lines)
    }

    /// Lets `happen` happen when the story of the next run has that many lines.
    pub fn after(&self, lines: usize, happen: impl FnOnce() + Send + 'static) {
        self.story().turn = Some((lines, Box::new(happen)));
    }

    /// Nothing that happens from now on belongs to the story.
    pub(crate) fn end(&self) {
        self.story().ended = true;
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let turn = {
            let mut story = self.story();
            if story.ended {
                return;
            }
            story.lines.push(line);
            let length = story.lines.len();
            story.turn.take_if(|(lines, _)| *lines <= length)
        };
        if let Some((_, happen)) = turn {
            happen();
        }
    }
}
