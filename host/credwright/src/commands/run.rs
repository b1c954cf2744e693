//! `credwright run`: a script, from its lookup to the table of what it changed.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use cmdlets::context::Session;
use engine::{Finished, Script};
use serde_json::Value;
use state::EventFilter;

use crate::answer::{Answer, Document};
use crate::cli::{Run, quoted};
use crate::commands::help;
use crate::host::Host;
use crate::identity::{self, Identity};
use crate::panics;
use crate::show::progress::Progress;
use crate::show::value;
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
    let answer = settled(&host, name, &script, parameters);
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

fn settled(host: &Host<'_>, name: &str, script: &Script, parameters: Value) -> Result<Answer> {
    let world = host.world;
    host.settle()?;
    world.screen.tell(&format!("{name}: in the {}", host.view.name()?.line()));
    let before = world.wait(Identity::all(&host.store))?;

    let progress = Arc::new(Progress::new(world.screen.clone()));
    let run =
        host.begin(name, parameters.clone(), script.sources(), progress, Session::default())?;
    let id = run.id().to_string();
    let result = panics::caught(|| script.run(run.parts(), parameters));
    let changed = run.parts().gate.changed();
    let intended = run.parts().gate.intended();
    let (result, code) = world.wait(run.end(result));
    drop(run);

    let after = world.wait(Identity::all(&host.store))?;
    let events = world.wait(
        host.store.find_events(&EventFilter { run: Some(id.clone()), ..EventFilter::default() }),
    )?;
    let mut document = Document {
        changed,
        tenant: Some(host.view.name()?),
        run: Some(id),
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
        Ok(Finished { value }) => {
            if text.is_empty() && !value.is_null() {
                text = value::rendered(&value, form);
            }
            document.value = value;
        }
        Err(error) => {
            let (error, code) = judged(error, code, intended, changed, name);
            document.exit_code = code;
            document.error = Some(error);
        }
    }
    Ok(Answer { document, text, is_printed: false })
}

/// Adds what only the whole run shows to its failure, and mends the code of a mistake of ours.
fn judged(
    mut error: Diagnostic,
    code: u8,
    intended: bool,
    changed: bool,
    name: &str,
) -> (Diagnostic, u8) {
    let code = match error.code {
        Code::Internal if intended => 3,
        Code::Internal => 2,
        _ => code,
    };
    if error.next.is_none() && (changed || error.code == Code::RunInterrupted) {
        let again = format!("credwright run {}", quoted(name));
        error.next = Some(if changed {
            format!("Look at what was done: credwright connectors. Then go on with: {again}")
        } else {
            format!("Nothing was changed. Start again with: {again}")
        });
    }
    (error, code)
}
