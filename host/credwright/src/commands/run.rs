//! `credwright run`: a script, from its lookup to the table of what it changed.

use std::sync::Arc;

use base::{Applied, Code, Diagnostic, Result};
use cmdlets::context::Session;
use effect::{Recording, RunId};
use engine::{Library, Script, past_pivot};
use serde_json::Value;
use state::{Event, EventFilter, RunStatus};

use crate::answer::{Answer, Document};
use crate::cli::Run;
use crate::commands::{help, resume};
use crate::host::{Beginning, Host};
use crate::identity::{self, Identity};
use crate::panics;
use crate::show::progress::Progress;
use crate::show::{tame_line, value};
use crate::world::World;

/// `credwright run`.
///
/// # Errors
/// A refusal before the run began.
pub fn run(world: &World, wanted: &Run) -> Result<Answer> {
    let Some(name) = &wanted.script else { return Ok(usage()) };
    if wanted.help {
        return help::of_script(world, name);
    }
    let engine = world.engine()?;
    let script = engine.script(name)?;
    let parameters = script.parameters(&wanted.parameters)?;
    let host = Host::open(world, &engine)?;
    let answer = settled(&host, name, &script, parameters, wanted.keep);
    world.wait(host.view.close());
    answer
}

/// The usage of `run` itself, where no script is named.
fn usage() -> Answer {
    use clap::CommandFactory;

    let mut line = crate::cli::CommandLine::command();
    line.build();
    let text = line.find_subcommand_mut("run").map(|run| run.render_help().to_string());
    Answer::new(Value::Null, text.unwrap_or_default())
}

fn settled(
    host: &Host<'_>,
    name: &str,
    script: &Script,
    parameters: Value,
    keep: bool,
) -> Result<Answer> {
    host.settle()?;
    host.world.screen.tell(&format!("{name}: in the {}", host.view.name()?.line()));
    tell_of_interrupted(host)?;
    // A path is found again from any folder.
    let known = if Library::is_path(name) { absolute(name) } else { name.to_owned() };
    let new = Beginning::new(&known, parameters.clone(), script.sources());
    let beginning = Beginning { keep, ..new };
    carry_out(host, name, beginning, |run| {
        script.run(run.parts(), parameters).map(|finished| finished.value)
    })
}

fn absolute(name: &str) -> String {
    let path = std::path::absolute(name).ok();
    path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| name.to_owned())
}

/// Reminds of runs that can be taken up again.
fn tell_of_interrupted(host: &Host<'_>) -> Result<()> {
    for run in &resume::interrupted(host.world, &host.store)? {
        host.world.screen.prose(&format!(
            "Run {} ({}) of {} was interrupted. To go on with it: {}",
            run.id,
            tame_line(&run.script),
            run.started_at,
            resume::command(run)
        ));
    }
    Ok(())
}

/// Carries a run out, from its beginning to the table of what it changed.
///
/// # Errors
/// A refusal before it began.
pub fn carry_out(
    host: &Host<'_>,
    name: &str,
    beginning: Beginning<'_>,
    work: impl FnOnce(&engine::Run) -> Result<Value>,
) -> Result<Answer> {
    let world = host.world;
    let before = world.wait(Identity::all(&host.store))?;
    let progress = Arc::new(Progress::new(world.screen.clone()));
    let run = host.begin(beginning, progress, Session::default())?;
    let id = run.id().clone();
    let result = panics::caught(|| work(&run));
    let changed = run.parts().gate.changed();
    let intended = run.parts().gate.intended();
    let (result, code) = world.wait(run.end(result));
    drop(run);

    let (after, events, recorded, is_final) =
        match (looked_after(host, &id, result.is_err()), &result) {
            (Ok(looked), _) => looked,
            // Why the run failed says more than why it cannot be looked at.
            (Err(_), Err(_)) => (before.clone(), Vec::new(), None, false),
            (Err(error), Ok(_)) => return Err(error),
        };
    let mut document = Document {
        changed,
        tenant: Some(host.view.name()?),
        run: Some(id.to_string()),
        script: Some(name.to_owned()),
        exit_code: code,
        ..Document::default()
    };
    let compared = identity::changed(&before, &after);
    let (old, new): (Vec<_>, Vec<_>) = compared.into_iter().unzip();
    let listed = |identities: Vec<Option<&Identity>>| {
        let all: Vec<Identity> = identities.into_iter().flatten().cloned().collect();
        identity::document(&all)
    };
    document.more.insert("before".to_owned(), listed(old));
    document.more.insert("after".to_owned(), listed(new));
    let events = serde_json::to_value(events).unwrap_or_default();
    document.more.insert("events".to_owned(), events);

    let form = world.screen.form();
    let table = identity::compared(&before, &after, form);
    let mut text = match (table, &document.tenant) {
        (Some(table), Some(tenant)) => format!("{} in the {}\n{table}\n", name, tenant.line()),
        _ => String::new(),
    };
    match result {
        Ok(value) => {
            if text.is_empty() && !value.is_null() {
                text = value::rendered(&value, form);
            }
            document.value = value;
        }
        Err(error) => {
            // What was taken back again changed nothing.
            let is_undone = recorded.as_ref().is_some_and(|run| run.status == RunStatus::Failed);
            document.changed &= !is_undone || error.applied != Applied::No;
            let (error, code) = judged(error, code, intended, recorded.as_ref(), is_final);
            document.exit_code = code;
            // What an earlier attempt changed stands, but it is not this refusal that changed it.
            document.changed &= code != 2;
            document.error = Some(error);
        }
    }
    Ok(Answer { document, text, is_printed: false })
}

type Looked = (Vec<Identity>, Vec<Event>, Option<state::Run>, bool);

/// What there is after a run: the identities, its events, its record, and whether the last thing that
/// stands of it is a point of no return.
fn looked_after(host: &Host<'_>, id: &RunId, failed: bool) -> Result<Looked> {
    host.world.wait(async {
        let store = &host.store;
        let filter = EventFilter { run: Some(id.to_string()), ..EventFilter::default() };
        let is_final = failed && past_pivot(&Recording::of(store.journal(id).await?)).is_some();
        Ok((
            Identity::all(store).await?,
            store.find_events(&filter).await?,
            store.find_run(id).await?,
            is_final,
        ))
    })
}

/// Adds what only the whole run shows to its failure, and mends the code of a mistake of ours.
fn judged(
    mut error: Diagnostic,
    code: u8,
    intended: bool,
    run: Option<&state::Run>,
    is_final: bool,
) -> (Diagnostic, u8) {
    let code = match error.code {
        Code::Internal if code == 1 && !intended => 2,
        _ => code,
    };
    let Some(run) = run else { return (error, code) };
    let again = match run.status {
        _ if matches!(error.code, Code::RunDiverged | Code::StateLostLock) => {
            return (error, code);
        }
        RunStatus::Interrupted | RunStatus::Running => {
            format!("Go on with it: {}", resume::command(run))
        }
        RunStatus::Unfinished if is_final => {
            "What is left stands: run the script again, it goes on from there.".to_owned()
        }
        RunStatus::Unfinished | RunStatus::Unwinding => {
            format!("Take back what is left: {}", resume::command(run))
        }
        RunStatus::Done | RunStatus::Failed => return (error, code),
    };
    error.next = Some(match error.next.take() {
        Some(next) => format!("{next}\n{again}"),
        None => again,
    });
    (error, code)
}
