//! What a connector's application needs in the tenant: names, resources and roles.

use base::{Code, Diagnostic, Result};
use effect::StepIntent;
use entra::DEFAULT_SUBJECT;
use entra::graph::{AppRole, ApplicationRef, Graph, PrincipalRef, ServicePrincipal};
use entra::well_known::{
    PASSWORD_RESET_SERVICE, PASSWORD_RESET_SERVICE_US_GOV, PASSWORD_WRITEBACK_ROLES,
    SYNCHRONIZATION_ROLE,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use state::Connector;
use uuid::Uuid;

use crate::context::Call;
use crate::credential::prepare_credential::SAVE_CERTIFICATE;
use crate::sign_in::guid;

/// The step that makes an application: its marker tells which ones are this host's own.
pub const CREATE_APPLICATION: &str = "create_application";

/// The step that registers a certificate on an application that is there.
pub const REGISTER_KEY: &str = "register_key";

/// The step that makes a service principal.
pub const CREATE_PRINCIPAL: &str = "create_service_principal";

/// The step that grants a role.
pub const GRANT_ROLE: &str = "grant_role";

/// A role to grant: of which resource, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The resource's service principal.
    pub resource_id: Uuid,
    /// The resource's application.
    pub resource_app_id: Uuid,
    /// The role.
    pub role_id: Uuid,
    /// The role's value, as tokens show it.
    pub value: String,
}

/// The application's name in the tenant: the host, and twelve digits that differ from connector to
/// connector, also where a host was cloned.
pub fn display_name(host_name: &str, host_id: &str, connector: &Connector) -> String {
    let digest = Sha256::digest(format!("{host_id} {}", connector.id));
    let digits = hex::encode(&digest[..6]);
    // The tenant allows 120 characters.
    let host: String = host_name.to_uppercase().chars().take(80).collect();
    format!("ConnectSyncProvisioning_{host}_{digits}")
}

/// The name under which the application is looked for: it is known before the application is.
pub fn unique_name(connector: &Connector) -> String {
    format!("credwright-{}", connector.id)
}

/// The application role for synchronizing, of the service's principal in this tenant. Its id is taken
/// from there: a published table has the delegated scope's id in its place.
///
/// # Errors
/// [`Code::PrerequisiteFailed`] where the tenant lacks the service or the role.
pub fn synchronization_role(service: Option<&ServicePrincipal>) -> Result<&AppRole> {
    let Some(service) = service else {
        return Err(Diagnostic::new(
            Code::PrerequisiteFailed,
            "The tenant has no service principal of the synchronization service",
        )
        .meaning("It appears when directory synchronization is enabled for the tenant.")
        .next("Enable directory synchronization in the tenant, then run this again."));
    };
    service.app_role(SYNCHRONIZATION_ROLE).ok_or_else(|| {
        let lacks = format!(
            "The synchronization service offers no application role {SYNCHRONIZATION_ROLE}"
        );
        Diagnostic::new(Code::PrerequisiteFailed, lacks)
            .next("The service's principal is incomplete: open a case with Microsoft support.")
    })
}

/// The grants that password writeback needs.
///
/// # Errors
/// [`Code::PrerequisiteFailed`] where the tenant has no such service; else as Graph answers.
pub async fn password_writeback_roles(graph: &Graph<'_>) -> Result<Vec<Grant>> {
    for app_id in [PASSWORD_RESET_SERVICE, PASSWORD_RESET_SERVICE_US_GOV] {
        let Some(service) = graph.find_principal(PrincipalRef::AppId(app_id)).await? else {
            continue;
        };
        let grants: Vec<Grant> = PASSWORD_WRITEBACK_ROLES
            .iter()
            .filter_map(|value| service.app_role(value).map(|role| grant(&service, role, value)))
            .collect();
        if !grants.is_empty() {
            return Ok(grants);
        }
    }
    Err(Diagnostic::new(
        Code::PrerequisiteFailed,
        "The tenant has no password reset service, so password writeback gets no roles",
    )
    .next(
        "It exists once self-service password reset is licensed; synchronization works without it.",
    ))
}

/// The grant of one role of a service.
pub fn grant(service: &ServicePrincipal, role: &AppRole, value: &str) -> Grant {
    Grant {
        resource_id: service.id,
        resource_app_id: service.app_id,
        role_id: role.id,
        value: value.to_owned(),
    }
}

/// The intent of granting a role.
pub fn grant_intent(
    connector: &Connector,
    principal_id: Uuid,
    display_name: &str,
    grant: &Grant,
) -> StepIntent {
    let marker = grant_marker(principal_id, grant.resource_id, grant.role_id);
    let mut arguments = marker.clone();
    arguments["connector"] = json!(connector.name);
    arguments["role"] = json!(grant.value);
    StepIntent {
        name: GRANT_ROLE.to_owned(),
        summary: format!("grant {} to {display_name}", grant.value),
        marker,
        undo: effect::Undo::cmdlet("remove_app_role_assignment", arguments),
    }
}

/// The three ids that a grant is found by.
pub fn grant_marker(principal_id: Uuid, resource_id: Uuid, app_role_id: Uuid) -> Value {
    json!({
        "principal_id": principal_id,
        "resource_id": resource_id,
        "app_role_id": app_role_id,
    })
}

/// The connector's application, as it is looked for: by its id where one is linked, else by the name
/// that it is made under.
///
/// # Errors
/// Where the recorded id is no GUID.
pub fn own_application(connector: &Connector) -> Result<ApplicationRef> {
    match &connector.application {
        Some(application) => Ok(ApplicationRef::Id(guid(&application.object_id, "object id")?)),
        None => Ok(ApplicationRef::UniqueName(unique_name(connector))),
    }
}

/// Stops where an application has a key credential that this host made and does not remember: then its
/// state is older than the tenant, and what it would change is not what it takes it for. Keys of others
/// are none of its business.
///
/// # Errors
/// [`Code::StateRestored`]; else as Graph answers.
pub async fn require_known_keys(
    call: &Call<'_>,
    graph: &Graph<'_>,
    application: &ApplicationRef,
) -> Result<()> {
    for key in graph.key_credentials(application).await? {
        let Some(certificate) = key.certificate() else { continue };
        let marker = json!({ "certificate_sha256": certificate.sha256 });
        let is_known = certificate.subject != DEFAULT_SUBJECT
            || call.store().find_certificate(&certificate.sha256).await?.is_some()
            || call.store().was_intended(SAVE_CERTIFICATE, &marker).await?;
        if is_known {
            continue;
        }
        let unknown = format!(
            "The key credential {} of {application} was made for this connector, and this state does \
             not know it (certificate {certificate})",
            key.key_id
        );
        return Err(Diagnostic::new(Code::StateRestored, unknown)
            .meaning(
                "The state was restored from a backup that is older than that key, or another host \
                 works on the same connector. Nothing is registered beside it.",
            )
            .next(
                "Restore the newer state where there is one. Else remove that key credential in the \
                 Microsoft Entra admin center, then run this again.",
            ));
    }
    Ok(())
}
