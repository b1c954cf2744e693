//! A run as it happens: one line for each step, a spinner while something is waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use base::Diagnostic;
use effect::{Event, Observer};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Screen, tame, tame_line};

/// How often a wait is told of where there are no spinners.
const TELL_SECONDS: u64 = 10;

/// Shows a run on a screen.
pub struct Progress {
    screen: Arc<Screen>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Spinners by what they are for.
    spinners: HashMap<String, ProgressBar>,
    /// Up to when each wait was told of, where there are no spinners.
    told: HashMap<String, u64>,
    /// Steps shown in the call that is open, by its sequence.
    steps: HashMap<String, u32>,
    /// What the thread of each open call works on, where several are worked on at once. A wait says
    /// not which call it belongs to, but it is told on the thread of that call.
    items: HashMap<ThreadId, String>,
}

impl Progress {
    /// Shows on `screen`.
    pub fn new(screen: Arc<Screen>) -> Self {
        Self { screen, state: Mutex::default() }
    }

    fn ended(
        &self,
        item: &str,
        summary: &str,
        failure: Option<&Diagnostic>,
        took: Option<Duration>,
    ) {
        let colour = self.screen.colour;
        let took = took
            .filter(|took| *took >= Duration::from_millis(100))
            .map(|took| format!(" {}", colour.dim(&format!("({})", span(took)))));
        let (mark, reason) = match failure {
            None => (colour.green(self.screen.marks().done), String::new()),
            Some(error) => {
                (colour.red(self.screen.marks().failed), format!(": {}", tame_line(&error.message)))
            }
        };
        self.screen.tell(&format!(
            "  {mark} {item}{}{reason}{}",
            tame_line(summary),
            took.unwrap_or_default()
        ));
    }

    fn spin(&self, state: &mut State, what: &str, message: String) {
        let spinner = state.spinners.entry(what.to_owned()).or_insert_with(|| {
            let spinner = self.screen.spinners.add(ProgressBar::new_spinner());
            let form = if self.screen.drawn { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { r"|/-\ " };
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
                spinner.set_style(style.tick_chars(form));
            }
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        spinner.set_message(message);
    }

    fn stop(&self, state: &mut State, what: &str) {
        if let Some(spinner) = state.spinners.remove(what) {
            spinner.finish_and_clear();
        }
        state.told.remove(what);
    }

    fn wait(
        &self,
        state: &mut State,
        what: &str,
        seen: (u32, u32),
        waited: Duration,
        limit: Duration,
    ) {
        let times = if seen.1 > 1 {
            format!("seen {} of {} times in a row, ", seen.0, seen.1)
        } else {
            String::new()
        };
        let item = state.items.get(&std::thread::current().id()).cloned().unwrap_or_default();
        let line = format!(
            "{item}waiting for {}: {times}{} of at most {}",
            tame_line(what),
            span(waited),
            span(limit)
        );
        let what = &wait_name(what);
        // A log needs no line for each look.
        let turn = waited.as_secs() / TELL_SECONDS;
        if self.screen.live {
            self.spin(state, what, line);
        } else if state.told.insert(what.to_owned(), turn) != Some(turn) {
            self.screen.tell(&format!("  ... {line}"));
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::CallBegan { key, cmdlet, .. } => {
                let item = item_of(&key.branch);
                if self.screen.live && tells_itself(cmdlet) {
                    self.spin(&mut state, &call_name(key), format!("{item}{cmdlet} ..."));
                }
                if !item.is_empty() {
                    state.items.insert(std::thread::current().id(), item);
                }
            }
            Event::CallEnded { key, cmdlet, failure, took } => {
                let name = call_name(key);
                self.stop(&mut state, &name);
                state.items.remove(&std::thread::current().id());
                let stepped = state.steps.remove(&name).is_some();
                if failure.is_some() || (!stepped && tells_itself(cmdlet)) {
                    self.ended(&item_of(&key.branch), cmdlet, *failure, Some(*took));
                }
            }
            Event::StepBegan { key, intent } => {
                let name = call_name(&key.call);
                *state.steps.entry(name.clone()).or_default() += 1;
                if self.screen.live {
                    let item = item_of(&key.call.branch);
                    let line = format!("{item}{} ...", tame_line(&intent.summary));
                    self.spin(&mut state, &name, line);
                }
            }
            Event::StepLookedFor { intent, .. } => self.screen.tell(&format!(
                "  ? looking whether this was done before the interruption: {}",
                tame_line(&intent.summary)
            )),
            Event::Unwinding => self.screen.tell("Taking back what this run did:"),
            Event::StepEnded { key, intent, failure } => {
                self.stop(&mut state, &call_name(&key.call));
                self.ended(&item_of(&key.call.branch), &intent.summary, *failure, None);
            }
            Event::Waiting { what, seen, waited, limit } => {
                self.wait(&mut state, what, *seen, *waited, *limit);
            }
            Event::WaitEnded { what } => self.stop(&mut state, &wait_name(what)),
            // What is given back from the record was shown when it was done; what takes a step back
            // shows itself.
            Event::CallReplayed { .. } | Event::TakingBack { .. } => {}
            Event::Said(text) => self.screen.prose(&tame(text)),
        }
    }
}

fn call_name(key: &effect::CallKey) -> String {
    format!("{}#{}", key.branch, key.sequence)
}

/// A wait's name: several branches may wait for the same.
fn wait_name(what: &str) -> String {
    format!("{:?} {what}", std::thread::current().id())
}

/// What a branch works on, to stand before a line: `default: `. The labels of branches of `parallel`
/// read `1.0 default`: the fork, the index, and the item in a few words, if there are any.
fn item_of(branch: &str) -> String {
    let items: Vec<String> = branch.split('/').filter_map(item).collect();
    if items.is_empty() { String::new() } else { format!("{}: ", tame_line(&items.join(" › "))) }
}

fn item(label: &str) -> Option<String> {
    let (number, words) = label.split_once(' ').unwrap_or((label, ""));
    let (fork, index) = number.split_once('.')?;
    let (_, index) = (fork.parse::<u64>().ok()?, index.parse::<usize>().ok()?);
    Some(if words.is_empty() { format!("item {}", index + 1) } else { words.to_owned() })
}

/// Whether the end of a call is worth a line of its own: looking things up is not, and what talks
/// to the admin has spoken already.
fn tells_itself(cmdlet: &str) -> bool {
    let looks = ["get_", "find_"].iter().any(|verb| cmdlet.starts_with(verb));
    !looks && !["say", "confirm", "now", "sleep"].contains(&cmdlet)
}

/// A span as a person reads it.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        0 => format!("{} ms", span.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::item_of;

    #[test]
    fn a_line_names_the_item_of_its_branch() {
        for (branch, named) in [
            ("", ""),
            ("sync job 1", ""),
            ("1.0 default", "default: "),
            ("12.3 two words", "two words: "),
            ("1.4", "item 5: "),
            ("1.0 default/2.1 x/sync job 1", "default › x: "),
            ("a.b c", ""),
        ] {
            assert_eq!(item_of(branch), named, "{branch}");
        }
    }
}
