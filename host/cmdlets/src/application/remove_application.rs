//! `remove_application`: deletes a connector's application from the tenant.

use base::{Code, Diagnostic, Result};
use effect::{
    Change, Circumstance, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo,
};
use entra::Session;
use entra::graph::{Application, ApplicationRef, Graph, KeyCredential};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{CertificateFilter, Connector, IdentityType};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::{Call, Tenant};
use crate::registration::{self, CREATE_APPLICATION};
use crate::removal::{Removed, doubted, forget_key, gone, not_ours, require_ours};
use crate::scheduling::require_lease;
use crate::sign_in;

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
        let unique_name = registration::unique_name(&connector);
        let reference = match call.open.circumstance() {
            // What this run made is known by its name alone: the connector may know another one.
            Circumstance::Undone => ApplicationRef::UniqueName(unique_name.clone()),
            Circumstance::Asked => registration::own_application(&connector)?,
        };
        let removed = call
            .with_session(&tenant, async |session| {
                let graph = session.graph(&administrator);
                let find = async || graph.find_application(&reference).await;
                let Some(application) = session.look_for("application", find).await? else {
                    return Ok(None);
                };
                let what = format!("the application {}", application.app_id);
                // A connector may be linked to an application that it was not made for.
                if application.unique_name.as_ref() != Some(&unique_name) {
                    return Err(not_ours(&what));
                }
                let marker = json!({ "unique_name": unique_name });
                require_ours(call, CREATE_APPLICATION, &marker, &what).await?;
                require_no_foreign_key(call, &graph, &application).await?;
                remove(call, session, &graph, &application).await?;
                // Waited for outside of the step: a reader that lags must not take it for alive.
                graph.application_gone(&ApplicationRef::Id(application.id)).await?;
                Ok(Some(application.id.to_string()))
            })
            .await?;
        if call.open.circumstance() == Circumstance::Asked
            || is_gone(call, &tenant, &connector, removed.as_deref()).await?
        {
            forget(call, &connector).await?;
        }
        if removed.is_some() {
            forget_keys(call, &connector).await?;
        }
        Ok(Removed { removed: removed.is_some() })
    }
}

async fn remove(
    call: &Call<'_>,
    session: Session<'_>,
    graph: &Graph<'_>,
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

/// What somebody else registered would go with the application (rule I5).
async fn require_no_foreign_key(
    call: &Call<'_>,
    graph: &Graph<'_>,
    application: &Application,
) -> Result<()> {
    let own = call.store().find_certificates(&CertificateFilter::default()).await?;
    let keys = match graph.key_credentials(&ApplicationRef::Id(application.id)).await {
        // A replica does not know it; looking has seen it.
        Err(error) if error.code == Code::GraphNotFound => return Ok(()),
        keys => keys?,
    };
    let is_own = |key: &KeyCredential| {
        own.iter().any(|known| sign_in::info(known).is_ok_and(|info| key.is_of(&info)))
    };
    let foreign: Vec<String> =
        keys.iter().filter(|key| !is_own(key)).map(|key| key.key_id.to_string()).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let (app_id, foreign) = (application.app_id, foreign.join(", "));
    let used = format!("The application {app_id} has keys that this host did not register: {foreign}");
    Err(Diagnostic::new(Code::ConnectorState, used)
        .meaning("Somebody else signs in with it. Nothing of it was removed.")
        .next("Remove those keys, or the application, in the Microsoft Entra admin center."))
}

/// Whether what the connector's record names went with what was taken back, and nothing depends on it.
async fn is_gone(
    call: &Call<'_>,
    tenant: &Tenant,
    connector: &Connector,
    removed: Option<&str>,
) -> Result<bool> {
    if connector.identity_type == IdentityType::Application {
        return Ok(false);
    }
    match (&connector.application, removed) {
        (None, _) => Ok(false),
        (Some(own), Some(removed)) => Ok(own.object_id == removed),
        // It may have been removed before an interruption.
        (Some(_), None) => {
            let administrator = call.context.session.administrator()?;
            let reference = registration::own_application(connector)?;
            call.with_session(tenant, async |session| {
                let graph = session.graph(&administrator);
                let find = async || graph.find_application(&reference).await;
                Ok(session.look_for("application", find).await?.is_none())
            })
            .await
        }
    }
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

/// Its key credentials went with the application.
async fn forget_keys(call: &Call<'_>, connector: &Connector) -> Result<()> {
    let own = CertificateFilter {
        connector_id: Some(connector.id.clone()),
        ..CertificateFilter::default()
    };
    for certificate in call.store().find_certificates(&own).await? {
        forget_key(call, &certificate).await?;
    }
    Ok(())
}
