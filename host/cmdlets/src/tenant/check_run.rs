//! `check_run`: compares what a run made with what is there now.

use base::{Code, Diagnostic, Result};
use effect::{Effect, Outcome, RecordedStep, Recording, RunId};
use entra::Session;
use entra::graph::{AppRoleAssignment, ApplicationRef, Graph, NewAppRoleAssignment, PrincipalRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use state::Certificate;
use uuid::Uuid;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::credential::prepare_credential::GENERATE_KEY;
use crate::registration::{CREATE_APPLICATION, CREATE_PRINCIPAL, GRANT_ROLE, REGISTER_KEY};
use crate::sign_in::info;

/// The cmdlet `check_run`.
pub struct CheckRun;

/// Looks up each object that the run made: in the tenant, in the key store, on this host. What is gone,
/// or was added to an application by somebody else, is told; an empty list says that all is as the run
/// left it. An old run shows this before it goes on.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The run's id, as `credwright runs` shows it.
    pub run: String,
}

/// One difference.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What the run did, or what somebody else added.
    pub object: String,
    /// `gone`, or `added`.
    pub change: String,
}

impl Difference {
    fn gone(step: &RecordedStep) -> Self {
        Self { object: step.intent.summary.clone(), change: "gone".to_owned() }
    }
}

impl Cmdlet for CheckRun {
    const ABOUT: About = About {
        name: "check_run",
        summary: "Compare what a run made with what is there now",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["drift", "difference", "resume", "interrupted"],
        see_also: &["connect_tenant", "find_events"],
        errors: &[
            (Code::RunUnknown, "there is no such run"),
            (Code::TenantNotConnected, "connect_tenant() was not called"),
        ],
        examples: &[Example {
            title: "A run that is not known",
            script: r#"connect_tenant(); check_run(#{ run: "none" })"#,
            shows: Shows::Failure(Code::RunUnknown),
        }],
    };

    type Parameters = Parameters;
    type Output = Vec<Difference>;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Vec<Difference>> {
        let id = RunId(parameters.run);
        if call.store().find_run(&id).await?.is_none() {
            return Err(Diagnostic::new(Code::RunUnknown, format!("There is no run {id}"))
                .next("Look which there are with: credwright runs"));
        }
        let administrator = call.context.session.administrator()?;
        let tenant = call.context.tenants.open().await?;
        let recording = Recording::of(call.store().journal(&id).await?);
        call.with_session(&tenant, async |session| {
            let checking = Checking { call, session, graph: session.graph(&administrator) };
            let mut found = Vec::new();
            for step in recording.standing_steps() {
                if matches!(step.outcome, Some(Outcome::Done(_))) {
                    checking.step(step, &mut found).await?;
                }
            }
            Ok(found)
        })
        .await
    }
}

struct Checking<'a> {
    call: &'a Call<'a>,
    session: Session<'a>,
    graph: Graph<'a>,
}

impl Checking<'_> {
    async fn step(&self, step: &RecordedStep, found: &mut Vec<Difference>) -> Result<()> {
        let Some(Outcome::Done(value)) = &step.outcome else { return Ok(()) };
        let marker = &step.intent.marker;
        let is_there = match step.intent.name.as_str() {
            CREATE_APPLICATION => match id(value, "id") {
                Some(id) => self.application(id, found).await?,
                None => true,
            },
            REGISTER_KEY => match id(marker, "application_id") {
                Some(id) => self.has_key(id, marker).await?,
                None => true,
            },
            CREATE_PRINCIPAL => match id(value, "id") {
                Some(id) => {
                    let find = async || self.graph.find_principal(PrincipalRef::Id(id)).await;
                    self.session.look_for("service principal", find).await?.is_some()
                }
                None => true,
            },
            GRANT_ROLE => self.is_granted(marker).await?,
            GENERATE_KEY => match marker["key_uri"].as_str().map(str::parse) {
                Some(Ok(uri)) => self.call.context.keystores.exists(&uri).await?,
                _ => true,
            },
            _ => true,
        };
        if !is_there {
            found.push(Difference::gone(step));
        }
        Ok(())
    }

    /// Whether an application is there; keys that this host does not know are told.
    async fn application(&self, id: Uuid, found: &mut Vec<Difference>) -> Result<bool> {
        let reference = ApplicationRef::Id(id);
        let find = async || self.graph.find_application(&reference).await;
        let Some(application) = self.session.look_for("application", find).await? else {
            return Ok(false);
        };
        let own = self.own_certificates().await?;
        for key in self.graph.key_credentials(&reference).await? {
            let is_own = own.iter().any(|known| info(known).is_ok_and(|info| key.is_of(&info)));
            if !is_own {
                let (app_id, key_id) = (application.app_id, key.key_id);
                let object = format!("key credential {key_id} of the application {app_id}");
                found.push(Difference { object, change: "added".to_owned() });
            }
        }
        Ok(true)
    }

    async fn own_certificates(&self) -> Result<Vec<Certificate>> {
        self.call.store().find_certificates(&state::CertificateFilter::default()).await
    }

    async fn has_key(&self, application: Uuid, marker: &Value) -> Result<bool> {
        let sha256 = marker["certificate_sha256"].as_str().unwrap_or_default();
        let Some(known) = self.call.store().find_certificate(sha256).await? else {
            return Ok(false);
        };
        let info = info(&known)?;
        let find = async || match self.graph.key_credentials(&ApplicationRef::Id(application)).await
        {
            Err(error) if error.code == Code::GraphNotFound => Ok(None),
            keys => Ok(keys?.into_iter().find(|key| key.is_of(&info))),
        };
        Ok(self.session.look_for("key credential", find).await?.is_some())
    }

    async fn is_granted(&self, marker: &Value) -> Result<bool> {
        let (Some(principal_id), Some(resource_id), Some(app_role_id)) =
            (id(marker, "principal_id"), id(marker, "resource_id"), id(marker, "app_role_id"))
        else {
            return Ok(true);
        };
        let wanted = NewAppRoleAssignment { principal_id, resource_id, app_role_id };
        let find = async || -> Result<Option<AppRoleAssignment>> {
            match self.graph.app_role_assignments(principal_id).await {
                Err(error) if error.code == Code::GraphNotFound => Ok(None),
                granted => Ok(granted?.into_iter().find(|granted| wanted.is(granted))),
            }
        };
        Ok(self.session.look_for("role assignment", find).await?.is_some())
    }
}

fn id(value: &Value, name: &str) -> Option<Uuid> {
    value[name].as_str()?.parse().ok()
}
