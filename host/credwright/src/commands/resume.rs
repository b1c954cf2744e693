//! `credwright resume`: goes on with a run that was interrupted, or takes back what it did.

use std::time::Duration;

use base::{Code, Diagnostic, Result};
use effect::{Approval, ApprovalRequest, Approver, Impact, RunId};
use engine::{Engine, Recorded, Script, Start, Way, resumable};
use serde_json::json;
use state::{HostIdentity, Run, RunStatus, Store};

use crate::answer::Answer;
use crate::cli::{Options, Resume, quoted};
use crate::commands::run::carry_out;
use crate::host::{Beginning, Host};
use crate::show::{progress::span, tame_line};
use crate::tenants::Choice;
use crate::world::World;

/// `credwright resume`.
///
/// # Errors
/// A refusal before anything is done.
pub fn resume(world: &World, wanted: &Resume) -> Result<Answer> {
    let Some(store) = world.existing_store()? else {
        return match &wanted.run {
            Some(run) => Err(unknown(run)),
            None => Ok(nothing()),
        };
    };
    let Some(id) = chosen(world, &store, wanted)? else { return Ok(nothing()) };
    let found = world.wait(store.find_run(&id))?.ok_or_else(|| unknown(&id.0))?;
    let back = wanted.unwind || found.status == RunStatus::Unwinding;
    let way = if back { Way::Back } else { Way::Forward };
    let run = world.wait(resumable(&store, &id, way))?;

    let engine = world.engine()?;
    let options = of_run(&world.options, &run);
    let choice = Choice::of(&options, &world.configuration()?, world.places()?)?;
    let host = Host::with(world, &engine, choice)?;
    let answer = taken_up(&host, &engine, &run, way, wanted);
    world.wait(host.view.close());
    answer
}

fn taken_up(
    host: &Host<'_>,
    engine: &Engine,
    run: &Run,
    way: Way,
    wanted: &Resume,
) -> Result<Answer> {
    let world = host.world;
    require_tenant(host, run)?;
    let name = tame_line(&run.script);
    let id = RunId(run.id.clone());
    let view = host.view.name()?.line();
    if way == Way::Back {
        world.screen.tell(&format!("{name}: taking back run {id} in the {view}"));
        return taken_back(host, &id, &name);
    }
    let script = script(host, engine, run, wanted.recorded)?;
    world.screen.tell(&format!("{name}: going on with run {id} in the {view}"));
    ask_where_old(host, run)?;
    let resumed = Beginning::of(Start::Resumed { id: &id, sources: script.sources() });
    let beginning = Beginning { keep: wanted.keep, ..resumed };
    carry_out(host, &name, beginning, |begun| {
        script.run(begun.parts(), run.parameters.clone()).map(|finished| finished.value)
    })
}

/// Takes back what a run did. Where nothing is left of it, that is a good end.
fn taken_back(host: &Host<'_>, id: &RunId, name: &str) -> Result<Answer> {
    let asked = || Diagnostic::new(Code::EffectUnfinished, format!("Run {id} was not taken back"));
    let beginning = Beginning::of(Start::Unwound { id });
    let mut answer = carry_out(host, name, beginning, |_| Err(asked()))?;
    let document = &mut answer.document;
    if let Some(error) =
        document.error.take_if(|error| error.left.is_empty() && error.causes.is_empty())
    {
        let count = error.undone.len();
        document.exit_code = 0;
        document.changed = count > 0;
        document.value = json!({ "undone": error.undone });
        if answer.text.is_empty() {
            let steps = if count == 1 { "1 step was" } else { &format!("{count} steps were") };
            answer.text = format!("Nothing is left of run {id}: {steps} taken back.");
        }
    }
    Ok(answer)
}

/// The run that is meant.
fn chosen(world: &World, store: &Store, wanted: &Resume) -> Result<Option<RunId>> {
    if let Some(run) = &wanted.run {
        return Ok(Some(RunId(run.clone())));
    }
    let found = interrupted(world, store)?;
    match &found[..] {
        // One that is at work is named in the refusal.
        [] => {
            let runs = world.wait(store.find_runs(1))?;
            let at_work = runs.into_iter().find(|run| run.status == RunStatus::Running);
            Ok(at_work.map(|run| RunId(run.id)))
        }
        [one] => Ok(Some(RunId(one.id.clone()))),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|run| {
                    format!("{} ({}, {})", command(run), tame_line(&run.script), run.started_at)
                })
                .collect();
            Err(Diagnostic::new(Code::UsageCommand, "Several runs were interrupted")
                .next(format!("Name one of them:\n{}", lines.join("\n"))))
        }
    }
}

/// The runs of this host that were interrupted, latest first: those whose script can go on, and those
/// that are being taken back.
///
/// # Errors
/// As the state says.
pub fn interrupted(world: &World, store: &Store) -> Result<Vec<Run>> {
    let mut found = world.wait(store.find_stopped_runs())?;
    found.retain(|run| can_go_on(run, store.host()));
    let mut with_a_script = Vec::new();
    for run in found {
        let has_script = world.wait(Recorded::of(store, &RunId(run.id.clone())))?.is_some();
        if has_script || run.status == RunStatus::Unwinding {
            with_a_script.push(run);
        }
    }
    Ok(with_a_script)
}

/// Whether a run can be gone on with on this host, forward or back.
pub fn can_go_on(run: &Run, host: &HostIdentity) -> bool {
    let stopped = matches!(run.status, RunStatus::Interrupted | RunStatus::Unwinding);
    stopped && run.owner.host_id == host.id
}

/// What to type to go on with a run.
pub fn command(run: &Run) -> String {
    let mut words = vec!["credwright".to_owned()];
    words.extend(run.options.iter().map(|word| quoted(word)));
    words.extend(["resume".to_owned(), run.id.clone()]);
    if run.status == RunStatus::Unfinished {
        words.push("--unwind".to_owned());
    }
    words.join(" ")
}

/// The options of the command line; where they name no tenant, the run's own do.
fn of_run(options: &Options, run: &Run) -> Options {
    let mut options = options.clone();
    if options.tenant.is_none() && options.profile.is_none() {
        match run.options.as_slice() {
            [option, value] if option == "--tenant" => options.tenant = Some(value.into()),
            [option, value] if option == "--profile" => options.profile = Some(value.clone()),
            _ => {}
        }
    }
    options
}

/// A run keeps its tenant.
fn require_tenant(host: &Host<'_>, run: &Run) -> Result<()> {
    let seen = host.view.name()?;
    match &run.tenant_id {
        Some(own) if !seen.id.is_empty() && *own != seen.id => {
            let id = &run.id;
            let other = format!("Run {id} works on the tenant {own}, not on the {}", seen.line());
            Err(Diagnostic::new(Code::RunElsewhere, other)
                .meaning("A run never changes its tenant, so that its objects are not looked for in another one.")
                .next(format!("Name its own tenant: {}", command(run))))
        }
        _ => Ok(()),
    }
}

/// What the run goes on with: its script as it is now, or as it was.
fn script(host: &Host<'_>, engine: &Engine, run: &Run, recorded: bool) -> Result<Script> {
    let world = host.world;
    let id = RunId(run.id.clone());
    let Some(kept) = world.wait(Recorded::of(&host.store, &id))? else {
        let none = format!("Run {id} ({}) ran no script that could go on", run.script);
        return Err(Diagnostic::new(Code::RunEnded, none)
            .next(format!("Take back what it did: credwright resume {id} --unwind")));
    };
    if recorded {
        return kept.script(world.ports.disk.clone(), &run.script);
    }
    let now = engine.script(&run.script).map_err(|error| {
        let next = error.next.clone().unwrap_or_default();
        error.next(
            format!(
                "{next}\nOr go on with the script as it was: credwright resume {id} --recorded"
            )
            .trim_start()
            .to_owned(),
        )
    })?;
    if !kept.is(&now) {
        world.screen.prose(
            "The script, or a module of it, was edited since. What was run already must stay the same; \
             where it does not, nothing is done. (--recorded goes on with the script as it was.)",
        );
    }
    Ok(now)
}

/// Where a run stopped long ago, the admin decides whether it goes on.
fn ask_where_old(host: &Host<'_>, run: &Run) -> Result<()> {
    let world = host.world;
    let limit = world.configuration()?.resume_asks_after;
    let records = world.wait(host.store.journal(&RunId(run.id.clone())))?;
    let stopped = records.last().map_or(run.started_at, |record| record.at());
    let age = world.ports.clock.now().since(stopped);
    if age < limit {
        return Ok(());
    }
    match host.changed_since(run) {
        Ok(found) if found.is_empty() => {
            world.screen.tell("  Everything that it made is still as it left it.");
        }
        Ok(found) => found.iter().for_each(|line| world.screen.tell(&format!("  {line}"))),
        Err(error) => world.screen.prose(&format!(
            "  What changed in the tenant since cannot be told: {}",
            tame_line(&error.to_string())
        )),
    }
    let request = ApprovalRequest {
        question: format!(
            "Run {} stopped {} ago, and the tenant may have changed since. Go on with it?",
            run.id,
            span(Duration::from_secs(age.as_secs()))
        ),
        impact: Impact::Medium,
        name: String::new(),
    };
    let refused = |message: &str| Diagnostic::new(Code::EffectNotConfirmed, message);
    let unwind = format!("To take back what it did: credwright resume {} --unwind", run.id);
    match world.wait(world.person().approve(&request))? {
        Approval::Granted => Ok(()),
        Approval::Refused => Err(refused("The run was left as it is").next(unwind)),
        Approval::NobodyThere(instead) => {
            Err(refused("Nobody answered whether to go on").next(format!("{instead}\n{unwind}")))
        }
    }
}

fn nothing() -> Answer {
    Answer::new(json!(null), "There is no interrupted run: nothing to go on with.")
}

fn unknown(run: &str) -> Diagnostic {
    Diagnostic::new(Code::RunUnknown, format!("There is no run {run} in this state")).next(
        "Look which there are with: credwright runs. A run is known only where its state is: the same \
         --home, or CREDWRIGHT_HOME.",
    )
}
