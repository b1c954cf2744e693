//! `credwright audit`: whether the record of what this host did is whole.

use std::path::Path;

use base::{Code, Diagnostic, Result};
use effect::{Approval, ApprovalRequest, Approver, Impact};
use serde_json::{Value, json};
use state::{Anchor, AuditKey, AuditReport, Ledger, Purpose};

use super::target::Target;
use crate::answer::Answer;
use crate::cli::Audit;
use crate::world::World;

/// Exit code of a broken chain.
const BROKEN: u8 = 1;
const ACCEPT: &str = "audit accept-restore";

/// `credwright audit`.
///
/// # Errors
/// Files that cannot be read or written, and as the state says.
pub fn audit(world: &World, what: Audit) -> Result<Answer> {
    match what {
        Audit::Verify { anchor, file: Some(file), key: Some(key) } => {
            verify_file(world, &file, &key, anchor.as_deref())
        }
        Audit::Verify { anchor, .. } => verify(world, anchor.as_deref()),
        Audit::Export { file, force } => export(world, &file, force),
        Audit::AcceptRestore => accept_restore(world),
    }
}

fn verify(world: &World, anchor: Option<&Path>) -> Result<Answer> {
    let anchor = anchor.map(|file| named_anchor(world, file)).transpose()?;
    let Some(store) = world.existing_store()? else { return Err(no_state()) };
    let report = match &anchor {
        Some(anchor) => world.wait(store.verify_audit_beside(anchor)),
        None => world.wait(store.verify_audit()),
    }?;
    Ok(told(&report))
}

/// Verifies an export, without any state.
fn verify_file(world: &World, file: &Path, key: &Path, anchor: Option<&Path>) -> Result<Answer> {
    let anchor = anchor.map(|file| named_anchor(world, file)).transpose()?;
    let key = AuditKey::parse(&read(world, key)?).ok_or_else(|| {
        let what = format!("{} holds no key of an audit chain", key.display());
        Diagnostic::new(Code::ConfigurationInvalid, what)
            .next("Name the file audit.key of the state that was exported.")
    })?;
    let ledger = Ledger::parse(&read(world, file)?)?;
    Ok(told(&match &anchor {
        Some(anchor) => ledger.verify_beside(&key, anchor),
        None => ledger.verify(&key),
    }))
}

fn named_anchor(world: &World, file: &Path) -> Result<Anchor> {
    Anchor::read(file, &world.ports)?.ok_or_else(|| {
        let what = format!("There is no audit anchor {}", file.display());
        Diagnostic::new(Code::ConfigurationInvalid, what).next("Name its file: --anchor FILE")
    })
}

fn read(world: &World, file: &Path) -> Result<Vec<u8>> {
    world.ports.disk.read(file).map_err(|error| {
        let what = format!("{} cannot be read", file.display());
        Diagnostic::new(Code::ConfigurationInvalid, what)
            .next("Check the name, and that this user may read it.")
            .source(&error)
    })
}

fn no_state() -> Diagnostic {
    Diagnostic::new(Code::UsageCommand, "There is no state here yet")
        .next("Name its home with --home DIR. The first run makes one: credwright run onboard")
}

fn told(report: &AuditReport) -> Answer {
    let value = serde_json::to_value(report).unwrap_or_default();
    let AuditReport { links, records, runs, events, evidence, .. } = report;
    let counted = format!(
        "{links} links and {records} records of {runs} runs, {events} events and {evidence} pieces \
         of evidence"
    );
    let mut lines: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let intact = report.is_intact();
    if intact {
        lines.push(format!("The audit chain is intact: {counted}."));
    }
    lines.extend(report.notes.iter().map(|note| format!("Note: {note}")));
    let mut answer = Answer::new(value, lines.join("\n"));
    if !intact {
        let count = match report.findings.len() {
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        let error = Diagnostic::new(
            Code::AuditBroken,
            format!("The audit chain is broken: {count} in {counted}"),
        )
        .meaning(
            "The record of what this host did was changed past credwright, or an older copy of it \
             was brought back.",
        )
        .next(
            "Keep a copy of the state folder as it is, find out who could write to it, and compare \
             the connectors with the tenant before the next run.",
        );
        answer.document.error = Some(error);
        answer.document.exit_code = BROKEN;
    }
    answer
}

fn export(world: &World, file: &Path, force: bool) -> Result<Answer> {
    let Some(store) = world.existing_store()? else { return Err(no_state()) };
    let target = Target::new(world, file, force)?;
    let ledger = world.wait(store.ledger())?;
    let content = serde_json::to_vec(&ledger).map_err(|error| {
        Diagnostic::new(Code::Internal, "The export cannot be written as JSON").source(&error)
    })?;
    target.write(&content)?;
    let shown = target.path.display().to_string();
    world.screen.prose(
        "The key is not in it: whoever is to verify it needs the file audit.key of this state too, \
         by another way. Then: credwright audit verify --file FILE --key KEYFILE",
    );
    let mut answer = Answer::new(json!({ "file": shown, "bytes": content.len() }), shown);
    answer.document.changed = true;
    Ok(answer)
}

fn accept_restore(world: &World) -> Result<Answer> {
    let Some(store) = world.existing_store()? else { return Err(no_state()) };
    let Some(reason) = world.wait(store.needs_acceptance())? else {
        let text = "There is nothing to accept: the state reaches its audit anchor.";
        return Ok(Answer::new(Value::Null, text));
    };
    confirm(world, &reason)?;
    let purpose = Purpose { run: store.new_run_id(), script: ACCEPT.to_owned() };
    let accepted = world.wait(async {
        let writer = store.begin_writing(purpose).await?;
        writer.accept_restore().await
    })?;
    let text = format!(
        "Accepted: the chain goes on after link {}, and the anchor names its end again. Compare the \
         connectors with the tenant now (credwright connectors): what was done after that link is \
         not known here.",
        accepted.kept_number
    );
    let value = serde_json::to_value(&accepted).unwrap_or_default();
    let mut answer = Answer::new(value, text);
    answer.document.changed = true;
    Ok(answer)
}

/// Asks for the name of this host: whoever types it knows which state it is.
fn confirm(world: &World, reason: &Diagnostic) -> Result<()> {
    let meaning = reason.meaning.as_deref().unwrap_or_default();
    let request = ApprovalRequest {
        question: format!("{}.\n{meaning}\nGo on with this state as it is?", reason.message),
        impact: Impact::High,
        name: world.ports.process.host_name(),
    };
    let refused = |message: &str| Diagnostic::new(Code::EffectNotConfirmed, message);
    match world.wait(world.person().approve(&request))? {
        Approval::Granted => Ok(()),
        Approval::Refused => Err(refused("The restored state was not accepted")),
        Approval::NobodyThere(instead) => {
            Err(refused("Nobody answered whether to accept the restored state").next(instead))
        }
    }
}
