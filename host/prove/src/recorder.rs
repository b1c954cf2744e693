//! What happened in a run, kept for whoever wants to compare it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use effect::{Event, Interrupt, Observer};

/// Keeps the story of a run, a line an event: `step create_application`, `said …`. It can ask the
/// run to stop in the middle of it.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Story>);

#[derive(Debug, Default)]
struct Story {
    lines: Vec<String>,
    stop: Option<(usize, Arc<Interrupt>)>,
}

impl Recorder {
    /// The lines since the last call of this.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.story().lines)
    }

    /// Asks the next run to stop when its story has that many lines.
    pub fn stop_after(&self, lines: usize, interrupt: Arc<Interrupt>) {
        self.story().stop = Some((lines, interrupt));
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
        let mut story = self.story();
        story.lines.push(line);
        let length = story.lines.len();
        if let Some((_, interrupt)) = story.stop.take_if(|(lines, _)| *lines <= length) {
            interrupt.request();
        }
    }
}
