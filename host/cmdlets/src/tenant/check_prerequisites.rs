//! `check_prerequisites`: everything that could fail, before anything is changed.

use std::time::Duration;

use base::codes::Kind;
use base::{Code, Diagnostic, Result, SecretText};
use effect::Effect;
use entra::graph::PrincipalRef;
use entra::well_known::{
    APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR,
    SYNCHRONIZATION_SERVICE,
};
use entra::{Credential, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::Connector;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::{Call, Tenant};
use crate::registration;
use crate::scheduling::require_no_other_lease;
use crate::sign_in;

/// The tenant refuses what is dated further off than this; certificates and schedules go wrong too.
const MOST_SKEW: Duration = Duration::from_secs(5 * 60);

/// Key, certificate, records and events of a run take a small part of this.
const LEAST_ROOM: u64 = 64 * 1024 * 1024;

/// The cmdlet `check_prerequisites`.
pub struct CheckPrerequisites;

/// Checks clock, TLS, disk, journal, key store, the administrator and what it may do, the resource
/// principals, and the connector's scheduler. All failures are told together. Nothing is changed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector that is about to be changed.
    pub connector: String,
    /// User principal name of the administrator; without it the profile decides.
    pub username: Option<String>,
}

/// What was checked. Only returned where nothing failed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Every check, in the order it was made.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// `ok` or `warning`.
    pub result: String,
    /// What was seen.
    pub detail: String,
}

impl Cmdlet for CheckPrerequisites {
    const ABOUT: About = About {
        name: "check_prerequisites",
        summary: "Check everything that could fail, before anything is changed",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["preflight", "doctor", "clock skew", "requirements", "roles"],
        see_also: &["connect_tenant", "test_credential"],
        errors: &[
            (Code::PrerequisiteFailed, "something is not as it must be; all of it is named"),
            (Code::ConnectorUnknown, "there is no such connector"),
        ],
        examples: &[Example {
            title: "Name what was checked",
            script: r#"check_prerequisites(#{ connector: "default" }).checks.map(|check| check.name)"#,
            shows: Shows::Value(
                r#"["tenant","clock","disk","journal","key store","administrator","synchronization service","password writeback","scheduler","credential"]"#,
            ),
        }],
    };

    type Parameters = Parameters;
    type Output = Output;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Output> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        let mut report = Report::default();
        call.with_session(&tenant, async |session| {
            let discovered = session.discover().await.map(|found| found.issuer.to_string());
            let reachable = discovered.is_ok();
            report.add("tenant", discovered);
            if reachable {
                report.add("clock", clock(session));
            }
            report.add("disk", disk(call));
            report.add("journal", journal(call).await);
            report.add("key store", key_store(call).await);
            if reachable {
                let username = parameters.username.clone();
                check_tenant(call, &tenant, session, username, &mut report).await;
            }
            report.add("scheduler", scheduler(call, &connector).await);
            if reachable {
                report.warn("credential", current_credential(call, session, &connector).await);
            }
            Ok(())
        })
        .await?;
        report.finish()
    }
}

/// The checks made so far.
#[derive(Default)]
struct Report {
    checks: Vec<Check>,
    failures: Vec<(String, Diagnostic)>,
}

impl Report {
    fn add(&mut self, name: &str, seen: Result<String>) {
        match seen {
            Ok(detail) => self.push(name, "ok", detail),
            Err(failure) => self.failures.push((name.to_owned(), failure)),
        }
    }

    /// What is no hindrance where it fails.
    fn warn(&mut self, name: &str, seen: Result<String>) {
        match seen {
            Ok(detail) => self.push(name, "ok", detail),
            Err(failure) => self.push(name, "warning", failure.to_string()),
        }
    }

    fn push(&mut self, name: &str, result: &str, detail: String) {
        self.checks.push(Check { name: name.to_owned(), result: result.to_owned(), detail });
    }

    fn finish(self) -> Result<Output> {
        let Some((_, first)) = self.failures.first() else {
            return Ok(Output { checks: self.checks });
        };
        // A tenant that is away says nothing about the rest: that is the failure to tell.
        let away = self.failures.iter().find(|(_, failure)| failure.code.kind() == Kind::Unavailable);
        let mut told = match away {
            Some((_, failure)) => failure.clone(),
            None => {
                let count = self.failures.len();
                let what = if count == 1 { "prerequisite is" } else { "prerequisites are" };
                let mut told = Diagnostic::new(
                    Code::PrerequisiteFailed,
                    format!("{count} {what} not met; nothing was changed"),
                );
                told.remote = first.remote.clone();
                told.next = first.next.clone();
                told
            }
        };
        for (name, failure) in &self.failures {
            let next = failure.next.as_deref().map_or_else(String::new, |next| format!(" – {next}"));
            told = told.cause(format!("{name}: {failure}{next}"));
            for cause in &failure.causes {
                told = told.cause(format!("{name}: {cause}"));
            }
        }
        Err(told)
    }
}

fn clock(session: Session<'_>) -> Result<String> {
    match session.client().skew() {
        Some(skew) if skew.magnitude() > MOST_SKEW => {
            Err(Diagnostic::new(Code::ClockSkew, format!("The clocks differ: {skew}"))
                .meaning("Certificates would seem not yet valid or expired, and schedules would slip.")
                .next("Set this host's clock: timedatectl set-ntp true (or: chronyc makestep)"))
        }
        Some(skew) => Ok(skew.to_string()),
        None => Ok("the tenant does not tell its time".to_owned()),
    }
}

fn disk(call: &Call<'_>) -> Result<String> {
    let folder = &call.context.places.state;
    let shown = folder.display();
    let free = call.context.ports.disk.free_space(folder).map_err(|error| {
        Diagnostic::new(Code::DiskFailed, format!("The disk of {shown} cannot be asked"))
            .source(&error)
    })?;
    let megabytes = free / (1024 * 1024);
    if free < LEAST_ROOM {
        let full = format!("Only {megabytes} MiB are left on the disk of {shown}");
        return Err(Diagnostic::new(Code::DiskFull, full)
            .next(format!("Make room: at least {} MiB.", LEAST_ROOM / (1024 * 1024))));
    }
    Ok(format!("{megabytes} MiB left"))
}

async fn journal(call: &Call<'_>) -> Result<String> {
    call.open.gate().flush().await?;
    Ok("writable".to_owned())
}

async fn key_store(call: &Call<'_>) -> Result<String> {
    let store = call.context.keystores.preferred()?;
    let keys = store.list().await?.len();
    // Sealing and opening shows that the wrapping key is there, and the right one.
    let probe = SecretText::new("probe");
    let sealed = call.context.vault.seal(&probe, "prerequisite")?;
    call.context.vault.unseal(&sealed, "prerequisite")?;
    Ok(format!("{} with {keys} keys", store.describe().name))
}

async fn check_tenant(
    call: &Call<'_>,
    tenant: &Tenant,
    session: Session<'_>,
    username: Option<String>,
    report: &mut Report,
) {
    let administrator = match sign_in::administrator(call, tenant, username).await {
        Ok(administrator) => administrator,
        Err(failure) => return report.add("administrator", Err(failure)),
    };
    let privileges = privileges(session, &administrator).await;
    let signed_in = privileges.is_ok();
    report.add("administrator", privileges);
    if !signed_in {
        return;
    }
    let graph = session.graph(&administrator);
    let service = graph.find_principal(PrincipalRef::AppId(SYNCHRONIZATION_SERVICE)).await;
    let role = service.and_then(|service| {
        let role = registration::synchronization_role(service.as_ref())?;
        Ok(format!("its role is {}", role.id))
    });
    report.add("synchronization service", role);
    let writeback = registration::password_writeback_roles(&graph).await;
    report.warn("password writeback", writeback.map(|roles| format!("{} roles", roles.len())));
}

/// Whether the administrator may register applications and grant their roles.
async fn privileges(session: Session<'_>, administrator: &Credential) -> Result<String> {
    let caller = session.graph(administrator).caller().await?;
    let lacks = |what: &str, next: String| {
        let refused = format!("{administrator} lacks {what}");
        Err(Diagnostic::new(Code::GraphDenied, refused).next(next))
    };
    if !caller.application {
        let able = [GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR];
        if able.iter().any(|role| caller.directory_roles.contains(role)) {
            return Ok(format!("{administrator} holds a sufficient directory role"));
        }
        return lacks(
            "a directory role that may register applications and grant roles",
            "Sign in as an Application Administrator, Cloud Application Administrator or Global Administrator."
                .to_owned(),
        );
    }
    let needed = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"];
    let missing: Vec<&str> =
        needed.into_iter().filter(|role| !caller.roles.contains(*role)).collect();
    if missing.is_empty() {
        return Ok(format!("{administrator} holds {}", needed.join(" and ")));
    }
    lacks(
        &missing.join(" and "),
        format!("Grant the application roles of Microsoft Graph: {}.", missing.join(", ")),
    )
}

async fn scheduler(call: &Call<'_>, connector: &Connector) -> Result<String> {
    require_no_other_lease(call, connector).await?;
    let state = call.store().scheduler_state(&connector.id).await?;
    if state.settings.scheduler_suspended {
        let suspended = format!("The scheduler of '{}' is suspended", connector.name);
        return Err(Diagnostic::new(Code::SchedulerBusy, suspended).next(format!(
            "Find out why; then: set_scheduler(#{{ connector: \"{}\", scheduler_suspended: false }})",
            connector.name
        )));
    }
    Ok(if state.in_progress.is_some() {
        "a cycle runs; it will be waited for".to_owned()
    } else {
        "no other run holds it".to_owned()
    })
}

/// What the connector signs in with now is the way back: it should work, but may not.
async fn current_credential(
    call: &Call<'_>,
    session: Session<'_>,
    connector: &Connector,
) -> Result<String> {
    let credential = sign_in::of_connector(call.context, connector).await?;
    sign_in::synchronization_token(session, &credential).await?;
    Ok(format!("{credential} signs in"))
}
