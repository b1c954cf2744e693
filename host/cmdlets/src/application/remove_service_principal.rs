//! `remove_service_principal`: deletes the service principal of a connector's application.

use base::{Code, Result};
use effect::{Change, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo};
use entra::graph::PrincipalRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::registration::CREATE_PRINCIPAL;
use crate::removal::{Removed, doubted, gone, require_ours};
use crate::scheduling::require_lease;
use crate::sign_in::guid;

/// The cmdlet `remove_service_principal`.
pub struct RemoveServicePrincipal;

/// Deletes the service principal that this host made, with the roles that were granted to it. The
/// application stays. Never while the connector signs in with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector that it was made for.
    pub connector: String,
    /// Client id of the application.
    pub app_id: String,
}

impl Cmdlet for RemoveServicePrincipal {
    const ABOUT: About = About {
        name: "remove_service_principal",
        summary: "Delete the service principal of a connector's application",
        effect: Effect::Change(Change {
            target: Target::ServicePrincipal,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["Remove-MgServicePrincipal", "enterprise application", "delete"],
        see_also: &["remove_application", "add_app_registration"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::EffectNoEvidence, "the connector signs in with it, or may not work without"),
            (Code::ConnectorState, "this host did not make it"),
        ],
        examples: &[Example {
            title: "Take it back before it is in use",
            script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
let made = add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
remove_service_principal(#{ connector: "default", app_id: made.app_id }).removed"#,
            shows: Shows::Value("true"),
        }],
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
        let app_id = guid(&parameters.app_id, "app_id")?;
        call.with_session(&tenant, async |session| {
            let graph = session.graph(&administrator);
            let find = async || graph.find_principal(PrincipalRef::AppId(app_id)).await;
            let Some(principal) = session.look_for("service principal", find).await? else {
                return Ok(Removed { removed: false });
            };
            let what = format!("the service principal of the application {app_id}");
            require_ours(call, CREATE_PRINCIPAL, &json!({ "app_id": app_id }), &what).await?;
            let removal = Removal::ServicePrincipal {
                id: principal.id.to_string(),
                app_id: app_id.to_string(),
            };
            let intent = StepIntent {
                name: "delete_service_principal".to_owned(),
                summary: format!("delete {what}"),
                marker: json!({ "id": principal.id }),
                undo: Undo::irreversible("it is restored by hand, within 30 days"),
            };
            let find = async || graph.find_principal(PrincipalRef::Id(principal.id)).await;
            let look = async || gone(session, "service principal", find).await;
            let act = async |permit: RemovalPermit<'_>| {
                doubted(graph.delete_principal(permit, principal.id).await)
            };
            call.remove(intent, &removal, look, act).await?;
            Ok(Removed { removed: true })
        })
        .await
    }
}
