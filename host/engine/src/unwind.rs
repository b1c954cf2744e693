//! Unwinding: taking back what a failed run did, step by step, in reverse.

use base::{Code, Diagnostic, Repeat, Result};
use cmdlets::{Context, registry};
use effect::{
    Branch, Circumstance, Event, Gate, Outcome, RecordedCall, RecordedStep, Recording, Replay,
    Standing, StepKey, Undo,
};

/// What came of unwinding.
#[derive(Debug, Default)]
pub(crate) struct Unwound {
    /// What was taken back, in words, latest step first.
    pub(crate) undone: Vec<String>,
    /// What stands, in words, in the order in which it was done.
    pub(crate) left: Vec<String>,
    /// Why it stopped before its end, where it did.
    pub(crate) stopped: Option<Diagnostic>,
}

/// Takes the run's steps back, latest first, each through the gate. It stops at a step that nothing
/// takes back, and at the first failure: what was done before may rely on what stands.
pub(crate) async fn unwind(context: &Context, gate: &Gate) -> Unwound {
    let recording = gate.recording();
    gate.stand_again(standing(recording));
    let steps = recording.standing_steps();
    let mut unwound = Unwound::default();
    for (at, step) in steps.iter().enumerate().rev() {
        let stopped = match &step.intent.undo {
            Undo::Unneeded { .. } => continue,
            // What a failed step did in part is told with the failure; it is no point of no return.
            Undo::Irreversible { .. } if step.is_failed() => continue,
            Undo::Irreversible { reason } => Some(pivot(step, reason)),
            Undo::Cmdlet { name, arguments } => {
                take_back(context, gate, step, name, arguments.clone()).await.err()
            }
        };
        if let Some(stopped) = stopped {
            let stands = |step: &&&RecordedStep| !matches!(step.intent.undo, Undo::Unneeded { .. });
            let left = steps[..=at].iter().filter(stands);
            unwound.left = left.map(|step| step.intent.summary.clone()).collect();
            unwound.stopped = Some(stopped);
            return unwound;
        }
        unwound.undone.push(step.intent.summary.clone());
    }
    unwound
}

/// Why nothing more of a run can be taken back: the last thing that stands is a point of no return.
pub fn past_pivot(recording: &Recording) -> Option<Diagnostic> {
    let steps = recording.standing_steps();
    let last = steps.iter().rev().find(|step| match step.intent.undo {
        _ if is_undone(recording, &step.key) => false,
        Undo::Unneeded { .. } => false,
        Undo::Irreversible { .. } => !step.is_failed(),
        Undo::Cmdlet { .. } => true,
    })?;
    match &last.intent.undo {
        Undo::Irreversible { reason } => Some(pivot(last, reason)),
        _ => None,
    }
}

fn pivot(step: &RecordedStep, reason: &str) -> Diagnostic {
    let summary = &step.intent.summary;
    Diagnostic::new(Code::EffectUnfinished, format!("This is not taken back: {summary}"))
        .meaning(format!("What was done before it stands as well ({reason})."))
}

/// Takes one step back, unless an earlier attempt did.
async fn take_back(
    context: &Context,
    gate: &Gate,
    step: &RecordedStep,
    name: &str,
    arguments: serde_json::Value,
) -> Result<()> {
    let branch = undo_branch(&step.key);
    let tries = gate.recording().branch(branch.path());
    if is_done(tries) {
        return Ok(());
    }
    // A try whose end is not known is gone on with; after one that failed comes the next.
    let pending = tries.last().is_some_and(|last| last.outcome.is_none());
    let made = tries.len() - usize::from(pending);
    let branch = branch.after(made as u64);
    let cmdlet = registry::find(name).ok_or_else(|| {
        Diagnostic::new(Code::Internal, format!("There is no cmdlet {name} that takes this back"))
            .repeat(Repeat::LookFirst)
    })?;
    gate.observer().observe(&Event::TakingBack { intent: &step.intent });
    cmdlet.invoke(context, gate, &branch, arguments, Circumstance::Undone).await.map(drop)
}

/// Whether a step was taken back before.
pub fn is_undone(recording: &Recording, step: &StepKey) -> bool {
    is_done(recording.branch(undo_branch(step).path()))
}

fn is_done(tries: &[RecordedCall]) -> bool {
    tries.iter().any(|call| matches!(call.outcome, Some(Outcome::Done(_))))
}

/// The side branch in which a step is taken back: it outlives the process, so that unwinding can be
/// interrupted and gone on with.
fn undo_branch(step: &StepKey) -> Branch {
    let call = &step.call;
    Branch::default().aside(&format!("undo {}#{}.{}", call.branch, call.sequence, step.step))
}

/// What unwinding needs in its process: the sign-in that the run had last, and its pauses.
fn standing(recording: &Recording) -> Vec<Standing> {
    let mut standing: Vec<Standing> = Vec::new();
    for call in recording.calls() {
        let replay = registry::find(&call.cmdlet).map(|cmdlet| cmdlet.about().replay);
        let is_done = matches!(call.outcome, Some(Outcome::Done(_)));
        if replay != Some(Replay::Standing) || !is_done {
            continue;
        }
        let new = Standing {
            cmdlet: call.cmdlet.clone(),
            arguments: call.arguments.clone(),
            subject: String::new(),
            branch: String::new(),
        };
        if !standing.contains(&new) {
            standing.push(new);
        }
    }
    standing
}
