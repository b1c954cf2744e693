//! `credwright runs`: the runs of this host, and the story of one.

use std::time::Duration;

use base::{Code, Diagnostic, Result, Timestamp};
use effect::{Entry, Outcome, RecordedCall, RecordedStep, Recording, RunId};
use engine::{is_undone, past_pivot};
use serde_json::{Value, json};
use state::{Run, RunStatus, Store};

use crate::answer::Answer;
use crate::cli::{OneRun, Runs};
use crate::commands::resume::{can_go_on, command};
use crate::show::progress::span;
use crate::show::table::table;
use crate::show::tame_line;
use crate::world::World;

/// The longest arguments that the story shows of a call.
const ARGUMENTS: usize = 100;
/// Gaps between two records that are told: from here on somebody waited.
const GAP: Duration = Duration::from_secs(1);

/// `credwright runs`. It only reads: no lock, and no state is made where there is none.
///
/// # Errors
/// An unknown run, and as the state says.
pub fn runs(world: &World, wanted: &Runs) -> Result<Answer> {
    let store = world.existing_store()?;
    match (&wanted.one, store) {
        (Some(OneRun::Show { run }), Some(store)) => show(world, &store, run),
        (Some(OneRun::Show { run }), None) => Err(unknown(run)),
        (None, Some(store)) => list(world, &store, wanted.limit),
        (None, None) => list_of(world, &[], Vec::new()),
    }
}

fn list(world: &World, store: &Store, limit: u32) -> Result<Answer> {
    let found = world.wait(store.find_runs(limit))?;
    let mut types = Vec::new();
    for run in &found {
        types.push(typed(world, run, store)?);
    }
    list_of(world, &found, types)
}

fn list_of(world: &World, found: &[Run], types: Vec<String>) -> Result<Answer> {
    if found.is_empty() {
        world.screen.tell("There was no run yet. The first one: credwright run onboard");
        return Ok(Answer::new(json!([]), String::new()));
    }
    let rows = found.iter().zip(&types).map(|(run, next)| {
        vec![
            run.id.clone(),
            tame_line(&run.script),
            run.started_at.to_string(),
            run.status.to_string(),
            run.exit_code.map(|code| code.to_string()).unwrap_or_default(),
            next.clone(),
        ]
    });
    let heads = ["run", "script", "started", "status", "exit code", "to go on, type"];
    let text = table(&heads, rows, world.screen.form());
    Ok(Answer::new(document(&found)?, text))
}

/// What to type to go on with a run; nothing where it has ended, or can only be run again.
fn typed(world: &World, run: &Run, store: &Store) -> Result<String> {
    if can_go_on(run, store.host()) {
        return Ok(command(run));
    }
    if run.status != RunStatus::Unfinished {
        return Ok(String::new());
    }
    let journal = world.wait(store.journal(&RunId(run.id.clone())))?;
    let is_final = past_pivot(&Recording::of(journal)).is_some();
    Ok(if is_final { String::new() } else { command(run) })
}

fn show(world: &World, store: &Store, id: &str) -> Result<Answer> {
    let id = RunId(id.to_owned());
    let Some(run) = world.wait(store.find_run(&id))? else { return Err(unknown(&id.0)) };
    let entries = world.wait(store.journal(&id))?;
    let recording = Recording::of(entries.clone());
    let story = Story { entries: &entries, recording: &recording };
    let mut lines = head(&run);
    lines.extend(story.lines());
    let pending = story.pending();
    for summary in &pending {
        lines.push(format!("pending: {summary}"));
    }
    let next = typed(world, &run, store)?;
    if !next.is_empty() {
        lines.push(format!("to go on, type: {next}"));
    }
    let value = json!({
        "run": document(&run)?,
        "records": document(&entries)?,
        "pending": pending,
        "next": Some(next).filter(|next| !next.is_empty()),
    });
    Ok(Answer::new(value, lines.join("\n")))
}

fn head(run: &Run) -> Vec<String> {
    let tenant = match (&run.tenant_id, run.sandbox) {
        (Some(id), Some(true)) => format!("sandbox tenant {id}"),
        (Some(id), _) => format!("tenant {id}"),
        (None, _) => "no tenant was needed".to_owned(),
    };
    let ended = run.ended_at.map_or_else(String::new, |ended| {
        format!(", ended {ended} after {}", span(ended.since(run.started_at)))
    });
    let again = match run.attempts {
        0 => String::new(),
        1 => ", taken up again once".to_owned(),
        times => format!(", taken up again {times} times"),
    };
    let code = run.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    vec![
        format!("run {} of {}: {}{code}", run.id, tame_line(&run.script), run.status),
        format!("{tenant}, started {}{ended}{again}", run.started_at),
        format!("parameters {}", tame_line(&run.parameters.to_string())),
        String::new(),
    ]
}

/// What happened in a run, in the order in which it was written.
struct Story<'a> {
    entries: &'a [Entry],
    recording: &'a Recording,
}

impl Story<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut last: Option<Timestamp> = None;
        for entry in self.entries {
            let gap = last.map_or(Duration::ZERO, |last| entry.at().since(last));
            if gap >= GAP {
                lines.push(format!("{:>10}  (waited {})", "", span(gap)));
            }
            last = Some(entry.at());
            lines.extend(self.line(entry));
        }
        lines
    }

    fn line(&self, entry: &Entry) -> Option<String> {
        let clock = clock(entry.at());
        match entry {
            Entry::CallBegan { key, cmdlet, arguments, .. } => {
                let arguments = shortened(&tame_line(&arguments.to_string()));
                let branch = if key.branch.is_empty() {
                    String::new()
                } else {
                    format!("[{}] ", tame_line(&key.branch))
                };
                Some(format!("{clock}  {branch}{cmdlet}({arguments})"))
            }
            Entry::CallEnded { outcome: Outcome::Failed(error), .. } => {
                Some(format!("{clock}    failed: {}", tame_line(&error.to_string())))
            }
            Entry::StepEnded { key, outcome, found, .. } => {
                let step = self.step(key)?;
                let summary = tame_line(&step.intent.summary);
                Some(match outcome {
                    Outcome::Done(_) if is_undone(self.recording, key) => {
                        format!("{clock}    done, and taken back later: {summary}")
                    }
                    Outcome::Done(_) if *found => {
                        format!("{clock}    done (its answer was lost, it was found): {summary}")
                    }
                    Outcome::Done(_) => format!("{clock}    done: {summary}"),
                    Outcome::Failed(error) => {
                        format!("{clock}    not done: {summary}: {}", tame_line(&error.message))
                    }
                })
            }
            Entry::StepIntended { key, intent, .. } => {
                let open = self.step(key).is_some_and(|step| step.outcome.is_none());
                let summary = tame_line(&intent.summary);
                open.then(|| format!("{clock}    not known whether done: {summary}"))
            }
            Entry::CallEnded { .. } | Entry::Chosen { .. } => None,
        }
    }

    fn step(&self, key: &effect::StepKey) -> Option<&RecordedStep> {
        let calls = self.recording.branch(&key.call.branch);
        let call: &RecordedCall =
            calls.iter().find(|call| call.key.sequence == key.call.sequence)?;
        call.steps.iter().find(|step| step.key == *key)
    }

    /// Calls and steps without an end.
    fn pending(&self) -> Vec<String> {
        let mut pending = Vec::new();
        for call in self.recording.calls().filter(|call| call.outcome.is_none()) {
            let open = call.steps.iter().filter(|step| step.outcome.is_none());
            let before = pending.len();
            pending.extend(open.map(|step| tame_line(&step.intent.summary)));
            if pending.len() == before {
                pending.push(call.cmdlet.clone());
            }
        }
        pending
    }
}

/// The time of the day, as it stands in a moment's text.
fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.split(['T', '.', 'Z']).nth(1).unwrap_or(&text).to_owned()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= ARGUMENTS {
        return text.to_owned();
    }
    text.chars().take(ARGUMENTS).chain("…".chars()).collect()
}

fn document(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| {
        Diagnostic::new(Code::Internal, "The runs cannot be written as JSON").source(&error)
    })
}

fn unknown(run: &str) -> Diagnostic {
    Diagnostic::new(Code::RunUnknown, format!("There is no run {run} in this state"))
        .next("Look which there are with: credwright runs")
}
