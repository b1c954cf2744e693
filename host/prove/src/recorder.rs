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
    turn: Option<Turn>,
    ended: bool,
}

type IsNow = Box<dyn Fn(usize, &str) -> bool + Send>;

/// What happens in the middle of a story, and when: by the number of its lines and the last of them.
struct Turn {
    is_now: IsNow,
    happen: Box<dyn FnOnce() + Send>,
}

impl Recorder {
    /// The lines since the last call of this.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.story().lines)
    }

    /// Lets `happen` happen when the story of the next run has that many lines.
    pub fn after(&self, lines: usize, happen: impl FnOnce() + Send + 'static) {
        self.when(move |count, _| lines <= count, happen);
    }

    /// Lets `happen` happen at the first line of the next run that `is_it` is true of.
    pub fn at(
        &self,
        is_it: impl Fn(&str) -> bool + Send + 'static,
        happen: impl FnOnce() + Send + 'static,
    ) {
        self.when(move |_, line| is_it(line), happen);
    }

    fn when(
        &self,
        is_now: impl Fn(usize, &str) -> bool + Send + 'static,
        happen: impl FnOnce() + Send + 'static,
    ) {
        let (is_now, happen) = (Box::new(is_now), Box::new(happen));
        self.story().turn = Some(Turn { is_now, happen });
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
            Event::StepLookedFor { intent, .. } => format!("looked for {}", intent.name),
            Event::TakingBack { intent } => format!("taking back {}", intent.name),
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
            let count = story.lines.len() + 1;
            let turn = story.turn.take_if(|turn| (turn.is_now)(count, &line));
            story.lines.push(line);
            turn
        };
        if let Some(turn) = turn {
            (turn.happen)();
        }
    }
}
