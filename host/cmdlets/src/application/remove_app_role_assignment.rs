//! `remove_app_role_assignment`: takes a granted role back from a connector's application.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo};
use entra::graph::{Graph, NewAppRoleAssignment, PrincipalRef};
use entra::well_known::SYNCHRONIZATION_ROLE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::registration::{GRANT_ROLE, grant_marker};
use crate::removal::{Removed, doubted, gone, require_ours};
use crate::scheduling::require_lease;
use crate::sign_in::guid;

/// The cmdlet `remove_app_role_assignment`.
pub struct RemoveAppRoleAssignment;

/// Takes a role back that this host granted. The three ids name the grant, as Microsoft Graph shows
/// it. Never the role for synchronizing while the connector signs in with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector whose application has the role.
    pub connector: String,
    /// To whom it is granted: object id of the service principal.
    pub principal_id: String,
    /// Which resource offers the role: object id of its service principal.
    pub resource_id: String,
    /// The role.
    pub app_role_id: String,
    /// The role's value, such as `ADSynchronization.ReadWrite.All`.
    pub role: String,
}

impl Cmdlet for RemoveAppRoleAssignment {
    const ABOUT: About = About {
        name: "remove_app_role_assignment",
        summary: "Take a role back that was granted to a connector's application",
        effect: Effect::Change(Change {
            target: Target::AppRoleAssignment,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["Remove-MgServicePrincipalAppRoleAssignment", "revoke", "permission"],
        see_also: &["add_app_registration", "remove_application"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::EffectNoEvidence, "the connector signs in with it"),
            (Code::ConnectorState, "this host did not grant it"),
            (Code::ConfigurationInvalid, "one of the ids is no GUID"),
        ],
        examples: &[Example {
            title: "An id that is none",
            script: r#"connect_tenant();
remove_app_role_assignment(#{ connector: "default", principal_id: "?", resource_id: "?", app_role_id: "?", role: "?" })"#,
            shows: Shows::Failure(Code::ConfigurationInvalid),
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
        let wanted = NewAppRoleAssignment {
            principal_id: guid(&parameters.principal_id, "principal_id")?,
            resource_id: guid(&parameters.resource_id, "resource_id")?,
            app_role_id: guid(&parameters.app_role_id, "app_role_id")?,
        };
        call.with_session(&tenant, async |session| {
            let graph = session.graph(&administrator);
            let find = async || match graph.app_role_assignments(wanted.principal_id).await {
                // A principal that is not there has no grants either.
                Err(error) if error.code == Code::GraphNotFound => Ok(None),
                granted => Ok(granted?.into_iter().find(|granted| wanted.is(granted))),
            };
            let Some(granted) = session.look_for("role assignment", find).await? else {
                return Ok(Removed { removed: false });
            };
            let role = role_of(&graph, wanted).await?;
            require_named(&role, &parameters.role)?;
            let marker =
                grant_marker(wanted.principal_id, wanted.resource_id, wanted.app_role_id);
            require_ours(call, GRANT_ROLE, &marker, &format!("the grant of {role}")).await?;
            let removal = Removal::AppRoleAssignment {
                id: granted.id.clone(),
                principal_id: wanted.principal_id.to_string(),
                role: role.clone(),
            };
            let intent = StepIntent {
                name: "revoke_role".to_owned(),
                summary: format!("take {role} back from {}", wanted.principal_id),
                marker,
                undo: Undo::irreversible("add_app_registration grants it again"),
            };
            let look = async || gone(session, "role assignment", find).await;
            let act = async |permit: RemovalPermit<'_>| {
                let principal = wanted.principal_id;
                let removed =
                    graph.delete_app_role_assignment(permit, principal, &granted.id).await;
                doubted(removed)
            };
            call.remove(intent, &removal, look, act).await?;
            Ok(Removed { removed: true })
        })
        .await
    }
}

/// What the role is called, as the tenant says it: the guard judges by that, and a caller could say
/// anything. A role that its resource does not offer any more may be any.
async fn role_of(graph: &Graph<'_>, wanted: NewAppRoleAssignment) -> Result<String> {
    let resource = graph.find_principal(PrincipalRef::Id(wanted.resource_id)).await?;
    let offered = resource.map(|resource| resource.app_roles).unwrap_or_default();
    let role = offered.into_iter().find(|role| role.id == wanted.app_role_id);
    Ok(role.and_then(|role| role.value).unwrap_or_else(|| SYNCHRONIZATION_ROLE.to_owned()))
}

fn require_named(role: &str, named: &str) -> Result<()> {
    if role == named {
        return Ok(());
    }
    let wrong = format!("remove_app_role_assignment: the role of that id is {role}, not {named}");
    Err(Diagnostic::new(Code::CmdletParameter, wrong)
        .next("Compare ids and role with those that the tenant shows."))
}
