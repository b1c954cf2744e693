//! `remove_application`: deletes a connector's application from the tenant.

use base::{Code, Result};
use effect::{Change, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo};
use entra::Session;
use entra::graph::{Application, ApplicationRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::Connector;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::registration::{self, CREATE_APPLICATION};
use crate::removal::{Removed, doubted, gone, require_ours};
use crate::scheduling::require_lease;

/// The cmdlet `remove_application`.
pub struct RemoveApplication;

/// Deletes the application that this host made for the connector, with its key credentials; its service
/// principal goes with it. Never while the connector signs in with it; and where it did before, only
/// with evidence that the connector works without. The tenant keeps a deleted application for 30 days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector that it was made for.
    pub connector: String,
}

impl Cmdlet for RemoveApplication {
    const ABOUT: About = About {
        name: "remove_application",
        summary: "Delete a connector's application from the tenant",
        effect: Effect::Change(Change {
            target: Target::Application,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["Remove-MgApplication", "Remove-EntraApplication", "delete", "unregister"],
        see_also: &["add_app_registration", "remove_app_key", "link_service_account"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::EffectNoEvidence, "the connector signs in with it, or may not work without"),
            (Code::ConnectorState, "this host did not make it"),
        ],
        examples: &[
            Example {
                title: "Take an application back that is not in use yet",
                script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
remove_application(#{ connector: "default" }).removed"#,
                shows: Shows::Value("true"),
            },
            Example {
                title: "There is none",
                script: r#"connect_tenant();
remove_application(#{ connector: "default" }).removed"#,
                shows: Shows::Value("false"),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = Removed;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Removed> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        let administrator = call.context.session.administrator()?;
        require_lease(call, &connector).await?;
        let reference = registration::own_application(&connector)?;
        let removed = call
            .with_session(&tenant, async |session| {
                let graph = session.graph(&administrator);
                let find = async || graph.find_application(&reference).await;
                let Some(application) = session.look_for("application", find).await? else {
                    return Ok(false);
                };
                let marker = json!({ "unique_name": registration::unique_name(&connector) });
                let what = format!("the application {}", application.app_id);
                require_ours(call, CREATE_APPLICATION, &marker, &what).await?;
                remove(call, session, &graph, &application).await?;
                // Waited for outside of the step: a reader that lags must not take it for alive.
                graph.application_gone(&ApplicationRef::Id(application.id)).await?;
                Ok(true)
            })
            .await?;
        forget(call, &connector).await?;
        Ok(Removed { removed })
    }
}

async fn remove(
    call: &Call<'_>,
    session: Session<'_>,
    graph: &entra::graph::Graph<'_>,
    application: &Application,
) -> Result<()> {
    let reference = ApplicationRef::Id(application.id);
    let removal = Removal::Application {
        id: application.id.to_string(),
        app_id: application.app_id.to_string(),
    };
    let name = application.display_name.clone().unwrap_or_default();
    let intent = StepIntent {
        name: "delete_application".to_owned(),
        summary: format!("delete the application {name}"),
        marker: json!({ "id": application.id }),
        undo: Undo::irreversible("it is restored by hand, within 30 days"),
    };
    let find = async || graph.find_application(&reference).await;
    let look = async || gone(session, "application", find).await;
    let act = async |permit: RemovalPermit<'_>| {
        doubted(graph.delete_application(permit, &reference).await)
    };
    call.remove(intent, &removal, look, act).await
}

/// No record is left without its object.
async fn forget(call: &Call<'_>, connector: &Connector) -> Result<()> {
    let forgotten = async || {
        let now = call.store().find_connector(&connector.id).await?;
        Result::Ok(now.is_none_or(|now| now.application.is_none()).then_some(()))
    };
    let intent = StepIntent {
        name: "forget_application".to_owned(),
        summary: format!("forget the application of '{}'", connector.name),
        marker: json!({ "connector_id": connector.id }),
        undo: Undo::unneeded("there is nothing any more that could be remembered"),
    };
    let act = async |permit: effect::Permit<'_>| {
        call.writer().forget_application(permit, &connector.id).await.map(drop)
    };
    call.ensure(intent, forgotten, forgotten, act).await
}
