//! Which runs can be taken up again, and what they ran.

use std::sync::Arc;

use base::{Code, Diagnostic, Disk, Repeat, Result};
use effect::{Recording, RunId};
use state::{Run, RunStatus, Store, Writer};

use crate::engine::Engine;
use crate::library::{Library, Origin, Source};
use crate::limits::Limits;
use crate::script::Script;
use crate::unwind::past_pivot;

/// Separates the number of an attempt from the name of what it ran.
const ATTEMPT: char = '\u{1f}';

/// How a run is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its script goes on.
    Forward,
    /// What it did is taken back.
    Back,
}

/// The run of that id, where it can be taken up again in that way.
///
/// # Errors
/// `RunUnknown`; `RunEnded` where it ended, or where it is being taken back already; `RunElsewhere` where
/// another host, or a newer version of this program, began it.
pub async fn resumable(store: &Store, id: &RunId, way: Way) -> Result<Run> {
    let Some(run) = store.find_run(id).await? else {
        return Err(Diagnostic::new(Code::RunUnknown, format!("There is no run {id} in this state"))
            .next("Look which there are with: credwright runs. A run is known only where its state is: the same --home, or CREDWRIGHT_HOME."));
    };
    if run.owner.host_id != store.host().id {
        return Err(Diagnostic::new(
            Code::RunElsewhere,
            format!("Run {id} was begun on another host ({})", run.owner.host_id),
        )
        .meaning("Its private keys and its lock are there.")
        .next(format!("Type this there: credwright resume {id}")));
    }
    let script = &run.script;
    let ended = |how: &str, next: String| {
        Err(Diagnostic::new(Code::RunEnded, format!("Run {id} ({script}) {how}")).next(next))
    };
    let show = format!("See what it did: credwright runs show {id}");
    match (run.status, way) {
        (RunStatus::Running, _) => Err(at_work(&run)),
        (RunStatus::Interrupted, _) | (RunStatus::Unwinding | RunStatus::Unfinished, Way::Back) => {
            Ok(run)
        }
        (RunStatus::Done, _) => ended("ended well: there is nothing to go on with", show),
        (RunStatus::Failed, _) => {
            ended("failed, and nothing of it is left: there is nothing to go on with", show)
        }
        (RunStatus::Unwinding | RunStatus::Unfinished, Way::Forward) => ended(
            "failed; it can only be taken back",
            format!("Take back what it did: credwright resume {id} --unwind"),
        ),
    }
}

/// A run that stopped right behind a point of no return can still go on; begun to be taken back it could
/// do neither.
///
/// # Errors
/// `RunEnded`.
pub(crate) fn require_way_back(run: &Run, recording: &Recording) -> Result<()> {
    match past_pivot(recording) {
        Some(pivot) if run.status != RunStatus::Unwinding => {
            let Run { id, script, .. } = run;
            let refused = format!("Nothing of run {id} ({script}) can be taken back any more");
            Err(Diagnostic::new(Code::RunEnded, refused)
                .meaning(pivot.meaning.unwrap_or_default())
                .cause(pivot.message)
                .next(match run.status {
                    RunStatus::Interrupted => format!("Go on with it: credwright resume {id}"),
                    _ => "Run the script again: it goes on from there.".to_owned(),
                }))
        }
        _ => Ok(()),
    }
}

fn at_work(run: &Run) -> Diagnostic {
    let Run { id, script, started_at, owner, .. } = run;
    let pid = owner.process.pid;
    let working =
        format!("Run {id} ({script}) is still at work: process {pid}, since {started_at}");
    Diagnostic::new(Code::StateLocked, working)
        .repeat(Repeat::Later)
        .next(format!("Wait until it ends. If it hangs, look at it with: ps -fp {pid}"))
}

/// Makes sure that nobody altered what a run recorded: it decides over what is done next.
///
/// # Errors
/// `AuditBroken` with what is wrong.
pub(crate) async fn require_intact(store: &Store, id: &RunId) -> Result<()> {
    let report = store.verify_audit().await?;
    let of_run = |text: &str| text.contains(&id.0);
    let mut findings = report.findings.iter();
    let Some(finding) = findings.find(|one| of_run(&one.subject) || of_run(&one.detail)) else {
        return Ok(());
    };
    let altered = format!("The record of run {id} was altered by somebody else");
    Err(Diagnostic::new(Code::AuditBroken, altered)
        .meaning("What a run recorded decides over what it does next, so it does not go on.")
        .cause(finding)
        .next(
            "Look at all of it with: credwright audit verify. Then look at what the tenant holds, and \
             run the script anew.",
        ))
}

/// Keeps what an attempt at a run runs, where it is something else than the attempt before ran.
pub(crate) async fn keep_sources(writer: &Writer, attempt: u32, sources: &[Source]) -> Result<()> {
    let is_known = match Recorded::of(writer.store(), writer.run()).await? {
        Some(known) if attempt > 0 => known.are(sources),
        _ => sources.is_empty(),
    };
    if is_known {
        return Ok(());
    }
    let named: Vec<(String, &str)> = sources
        .iter()
        .map(|source| match attempt {
            0 => (source.name.clone(), source.text.as_str()),
            _ => (format!("{attempt}{ATTEMPT}{}", source.name), source.text.as_str()),
        })
        .collect();
    let pairs: Vec<(&str, &str)> =
        named.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    writer.keep_sources(&pairs).await
}

/// Forgets what was kept last, because an attempt with it was refused: it is not what the run did. What
/// the run ran at first is never forgotten.
pub(crate) async fn forget_sources(writer: &Writer) -> Result<()> {
    let kept = writer.store().run_sources(writer.run()).await?;
    match kept.iter().map(|source| attempt_of(&source.name)).max() {
        None | Some(0) => Ok(()),
        Some(last) => writer.forget_sources(&format!("{last}{ATTEMPT}")).await,
    }
}

/// The attempt that ran a text of this name.
fn attempt_of(name: &str) -> u32 {
    let number = name.split_once(ATTEMPT).and_then(|(number, _)| number.parse().ok());
    number.unwrap_or(0)
}

/// What a run ran last: its script and its modules.
pub struct Recorded {
    sources: Vec<Source>,
}

impl Recorded {
    /// Reads it from the state; none where the run ran no script, such as a line of a prompt.
    ///
    /// # Errors
    /// As the database says.
    pub async fn of(store: &Store, id: &RunId) -> Result<Option<Self>> {
        let kept = store.run_sources(id).await?;
        let Some(last) = kept.iter().map(|source| attempt_of(&source.name)).max() else {
            return Ok(None);
        };
        let sources = kept
            .into_iter()
            .filter(|source| attempt_of(&source.name) == last)
            .map(|source| {
                let name = match (last, source.name.split_once(ATTEMPT)) {
                    (1.., Some((_, name))) => name.to_owned(),
                    _ => source.name,
                };
                Source { name, text: source.text, origin: Origin::Text }
            })
            .collect();
        Ok(Some(Self { sources }))
    }

    /// Compiles it as it was.
    ///
    /// # Errors
    /// As [`Engine::compile`]: another version of this program may have other cmdlets.
    pub fn script(self, disk: Arc<dyn Disk>, name: &str) -> Result<Script> {
        let library = Library::recorded(disk, self.sources);
        Engine::with(library, cmdlets::registry::all().collect(), Limits::default()).script(name)
    }

    /// Whether a script is still what was run.
    pub fn is(&self, script: &Script) -> bool {
        self.are(script.sources())
    }

    /// Compared by their texts: a path may be written in several ways.
    fn are(&self, now: &[Source]) -> bool {
        let sorted = |sources: &[Source]| {
            let mut texts: Vec<String> = sources.iter().map(|source| source.text.clone()).collect();
            texts.sort();
            texts
        };
        sorted(now) == sorted(&self.sources)
    }
}
