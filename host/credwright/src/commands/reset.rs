//! `credwright tenant reset`: the sandbox, its connectors, keys and events as they were at first.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use base::{Applied, Code, Diagnostic, Result};
use cmdlets::context::Session;
use effect::{
    Approval, ApprovalRequest, Approver, Change, Circumstance, Effect, Guard, Impact, NewCall,
    Removal, RemovalPermit, Replay, StepIntent, Target, Undo,
};
use futures::future::LocalBoxFuture;
use keystore::KeyUri;
use serde_json::{Value, json};
use state::{CertificateFilter, Removed, Store};
use tenant::Sandbox;

use crate::answer::{Answer, Document};
use crate::host::{Beginning, Host};
use crate::remembered::Remembered;
use crate::show::progress::Progress;
use crate::tenants::Choice;
use crate::world::World;

const COMMAND: &str = "tenant reset";
/// Exit code of an interrupted run.
const INTERRUPTED: u8 = 4;

/// `credwright tenant reset`.
///
/// # Errors
/// A sandbox that another process has, a run at work, or no confirmation.
pub fn reset(world: &World) -> Result<Answer> {
    if world.options.tenant.is_some() || world.options.profile.is_some() {
        return Err(Diagnostic::new(
            Code::UsageCommand,
            "tenant reset works on the embedded sandbox, not on another tenant",
        )
        .next("Leave out --tenant and --profile"));
    }
    let engine = world.engine()?;
    let places = world.places()?;
    let choice = Choice::Embedded(places.sandbox.clone());
    let host = Host::with(world, &engine, choice)?;
    ask(world)?;
    let tenant = host.view.name().ok().filter(|name| !name.id.is_empty());

    let progress = Arc::new(Progress::new(world.screen.clone()));
    let beginning = Beginning {
        keep: true,
        guard: Some(Arc::new(SandboxKeys(host.store.clone()))),
        ..Beginning::new(COMMAND, Value::Null, &[])
    };
    let run = host.begin(beginning, progress, Session::default())?;
    let id = run.id().to_string();
    // The tenant first: where another process has it, nothing is lost yet.
    let result = Sandbox::reset(&world.ports, &places.sandbox).and_then(|()| {
        world.wait(forget(&host, &run)).map_err(|error| {
            error
                .applied(Applied::Yes)
                .left("what this state still knows of the sandbox tenant that was reset")
                .next("Go on with: credwright tenant reset")
        })
    });
    let (result, code) = world.wait(run.end(result));
    let removed = match result {
        Ok(removed) => removed,
        Err(error) => {
            let mut answer = Answer::refused(error).of(tenant);
            // What was interrupted stays interrupted, whatever was done before.
            if code == INTERRUPTED {
                answer.document.exit_code = code;
            }
            answer.document.run = Some(id);
            return Ok(answer);
        }
    };
    Remembered::update(&world.ports, &places.state, |remembered| {
        remembered.embedded = None;
        remembered.settled.clear();
    });

    let text = format!(
        "The sandbox tenant is as it was at first. Forgotten: {} connectors, {} keys, {} events, {} runs.",
        removed.connectors.len(),
        removed.key_uris.len(),
        removed.events,
        removed.runs,
    );
    let value = serde_json::to_value(&removed).unwrap_or_default();
    let document = Document {
        changed: true,
        tenant,
        run: Some(id),
        value,
        exit_code: code,
        ..Document::default()
    };
    Ok(Answer { document, text, is_printed: false })
}

fn ask(world: &World) -> Result<()> {
    let request = ApprovalRequest {
        question: "Reset the sandbox tenant, with its connectors, keys and events in this state?"
            .to_owned(),
        impact: Impact::Medium,
        name: String::new(),
    };
    let refused = |message: &str| Diagnostic::new(Code::EffectNotConfirmed, message);
    match world.wait(world.person().approve(&request))? {
        Approval::Granted => Ok(()),
        Approval::Refused => Err(refused("The sandbox tenant was left as it is")),
        Approval::NobodyThere(instead) => {
            Err(refused("Nobody answered whether to reset the sandbox tenant").next(instead))
        }
    }
}

/// Lets the keys of sandbox connectors go: their tenant is gone already. No others.
struct SandboxKeys(Store);

impl Guard for SandboxKeys {
    fn judge<'a>(
        &'a self,
        removal: &'a Removal,
        _circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let uri = match removal {
                Removal::PrivateKey { key_uri } => Some(key_uri),
                _ => None,
            };
            let connectors = self.0.find_connectors().await?;
            let real = connectors.iter().filter(|connector| !connector.sandbox);
            if uri.is_none() || real.into_iter().any(|one| one.key_uri.as_ref() == uri) {
                let other = "Something that is not the sandbox's was to be removed";
                return Err(Diagnostic::new(Code::EffectNoEvidence, other));
            }
            Ok(())
        })
    }
}

fn remove_file(world: &World, file: &Path) -> Result<()> {
    match world.ports.disk.remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let shown = file.display();
            Err(Diagnostic::new(Code::DiskFailed, format!("{shown} cannot be removed"))
                .cause(error))
        }
        _ => Ok(()),
    }
}

/// Deletes the sandbox's keys, each as a step, and then every record of the sandbox.
async fn forget(host: &Host<'_>, run: &engine::Run) -> Result<Removed> {
    let parts = run.parts();
    let (mut uris, mut files) = (Vec::new(), Vec::new());
    let folder = &parts.context.places.certificates;
    for connector in host.store.find_connectors().await? {
        if connector.sandbox {
            let connector_id = Some(connector.id);
            let filter = CertificateFilter { connector_id, ..CertificateFilter::default() };
            let found = host.store.find_certificates(&filter).await?;
            for certificate in found {
                files.push(folder.join(format!("{}.pem", certificate.certificate_sha256)));
                uris.extend(certificate.key_uri);
            }
        }
    }
    let call = NewCall {
        branch: &parts.branch,
        cmdlet: COMMAND,
        arguments: &json!({}),
        effect: Effect::Change(Change {
            target: Target::PrivateKey,
            action: "remove",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        subject: "",
        circumstance: Circumstance::Asked,
    };
    let removed = parts
        .gate
        .call(call, async |open| {
            for uri in &uris {
                let key: KeyUri = uri.parse()?;
                let intent = StepIntent {
                    name: "remove_key".to_owned(),
                    summary: format!("remove the private key {uri}"),
                    marker: json!({ "key_uri": uri }),
                    undo: Undo::irreversible("a private key cannot be made again"),
                };
                let look = async || Ok((!host.keystores().exists(&key).await?).then_some(()));
                let act =
                    async |permit: RemovalPermit<'_>| host.keystores().delete(permit, &key).await;
                let removal = Removal::PrivateKey { key_uri: uri.clone() };
                open.remove(intent, &removal, look, act).await?;
            }
            for file in &files {
                remove_file(host.world, file)?;
            }
            let removed = parts.context.writer.reset_sandbox().await?;
            serde_json::to_value(removed).map_err(|error| {
                Diagnostic::new(Code::Internal, "What was forgotten cannot be recorded")
                    .source(&error)
            })
        })
        .await?;
    serde_json::from_value(removed).map_err(|error| {
        Diagnostic::new(Code::Internal, "What was forgotten cannot be read back").source(&error)
    })
}
