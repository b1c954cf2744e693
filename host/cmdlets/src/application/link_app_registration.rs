//! `link_app_registration`: points a connector at its application.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use entra::Session;
use entra::graph::{ApplicationRef, PrincipalRef};
use entra::well_known::SYNCHRONIZATION_ROLE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Algorithm, Application, Certificate, Connector, IdentityType, Link, Mode};

use crate::certificates::normalised_sha256;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::evidence::{still_there, wait_until_it_works};
use crate::events::{self, APPLICATION_CONFIGURED};
use crate::scheduling::require_lease;
use crate::sign_in;
use crate::views::CredentialView;

/// The cmdlet `link_app_registration`.
pub struct LinkAppRegistration;

/// Waits until the application's certificate gets tokens with the role for synchronizing, several times
/// in a row, and only then lets the connector sign in with it. The service account stays known: it is
/// the way back. A connector that is linked so already is left alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// Client id of the application.
    pub app_id: String,
    /// SHA-256 of the certificate that is registered on it.
    pub certificate_sha256: String,
}

impl Cmdlet for LinkAppRegistration {
    const ABOUT: About = About {
        name: "link_app_registration",
        summary: "Point a connector at its application, once its credential is proved",
        effect: Effect::Change(Change {
            target: Target::Connector,
            action: "link",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        search_terms: &["Add-ADSyncApplicationRegistration", "switch", "activate", "identity type"],
        see_also: &["add_app_registration", "get_connector_credential", "test_credential"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::ConnectorState, "the connector signs in with another application already"),
            (Code::SchedulerBusy, "another run paused the connector's scheduler"),
            (Code::GraphNotFound, "there is no such application, principal or key credential"),
            (Code::CertificateUnusable, "the certificate was made for another connector"),
            (Code::ReplicationTimeout, "the credential did not work in time"),
        ],
        examples: &[Example {
            title: "Prepare, register, link",
            script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
let made = add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
link_app_registration(#{ connector: "default", app_id: made.app_id, certificate_sha256: made.certificate_sha256 }).identity_type"#,
            shows: Shows::Value(r#""Application""#),
        }],
    };

    type Parameters = Parameters;
    type Output = CredentialView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<CredentialView> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        let sha256 = normalised_sha256(&parameters.certificate_sha256)?;
        let app_id = sign_in::guid(&parameters.app_id, "app_id")?.to_string();
        let data = json!({ "app_id": app_id, "certificate_sha256": sha256, "status": "success" });
        if is_linked(&connector, &app_id, &sha256) {
            // A run that was killed right after it linked left no event.
            events::record_once(call, APPLICATION_CONFIGURED, &connector, told(&connector), data).await?;
            return CredentialView::of(call.store(), connector, call.now()).await;
        }
        require_unlinked(&connector)?;
        require_lease(call, &connector).await?;
        let certificate = call.store().get_certificate(&sha256).await?;
        require_own(&connector, &certificate)?;
        let mark = call.open.removals();
        let linked = call
            .with_session(&tenant, async |session| {
                let application = registered(call, session, &app_id, &certificate).await?;
                let credential = sign_in::certificate_credential(call.context, &app_id, &certificate)?;
                wait_until_it_works(session, &credential, &[SYNCHRONIZATION_ROLE]).await?;
                link(call, mark, &connector, application, &certificate).await
            })
            .await?;
        events::record(call, APPLICATION_CONFIGURED, &linked, told(&linked), data).await?;
        CredentialView::of(call.store(), linked, call.now()).await
    }
}

fn told(linked: &Connector) -> String {
    let app_id = linked.application.as_ref().map_or("", |application| &application.app_id);
    format!("The connector '{}' signs in as the application {app_id} now", linked.name)
}

fn is_linked(connector: &Connector, app_id: &str, sha256: &str) -> bool {
    connector.identity_type == IdentityType::Application
        && connector.certificate_sha256.as_deref() == Some(sha256)
        && connector.application.as_ref().is_some_and(|own| own.app_id == app_id)
}

fn require_unlinked(connector: &Connector) -> Result<()> {
    if connector.identity_type == IdentityType::ServiceAccount {
        return Ok(());
    }
    let name = &connector.name;
    let app_id = connector.application.as_ref().map_or("", |application| &application.app_id);
    let other = format!("The connector '{name}' signs in as the application {app_id} already");
    Err(Diagnostic::new(Code::ConnectorState, other)
        .meaning("Linking is for a connector that still signs in as a service account.")
        .next(format!("Look at it: get_connector_credential(#{{ connector: \"{name}\" }})")))
}

/// A certificate of another connector is not shared: what is done for that one would take it away.
fn require_own(connector: &Connector, certificate: &Certificate) -> Result<()> {
    if certificate.connector_id.as_ref().is_none_or(|id| *id == connector.id) {
        return Ok(());
    }
    let (thumbprint, name) = (&certificate.thumbprint, &connector.name);
    let other = format!("The certificate {thumbprint} was not made for the connector '{name}'");
    Err(Diagnostic::new(Code::CertificateUnusable, other)
        .next(format!("Make one: prepare_credential(#{{ connector: \"{name}\" }})")))
}

/// The application with its principal and key credential, as the tenant has them.
async fn registered(
    call: &Call<'_>,
    session: Session<'_>,
    app_id: &str,
    certificate: &Certificate,
) -> Result<Application> {
    let administrator = call.context.session.administrator()?;
    let graph = session.graph(&administrator);
    let client_id = sign_in::guid(app_id, "app_id")?;
    let application = graph.application(&ApplicationRef::AppId(client_id)).await?;
    let principal = graph.principal(PrincipalRef::AppId(client_id)).await?;
    let info = sign_in::info(certificate)?;
    let keys = graph.key_credentials(&ApplicationRef::Id(application.id)).await?;
    let Some(key) = keys.iter().find(|key| key.is_of(&info)) else {
        let missing = format!("The certificate {info} is not registered on the application {app_id}");
        return Err(Diagnostic::new(Code::GraphNotFound, missing)
            .next("Register it with add_app_registration, or wait some minutes if that was just done."));
    };
    Ok(Application {
        app_id: app_id.to_owned(),
        object_id: application.id.to_string(),
        principal_id: principal.id.to_string(),
        display_name: application.display_name.unwrap_or_default(),
        key_id: key.key_id.to_string(),
    })
}

async fn link(
    call: &Call<'_>,
    mark: usize,
    connector: &Connector,
    application: Application,
    certificate: &Certificate,
) -> Result<Connector> {
    let Some(key_uri) = certificate.key_uri.clone() else {
        let without = format!("The private key of {} is not on this host", certificate.thumbprint);
        return Err(Diagnostic::new(Code::CertificateUnusable, without));
    };
    let sha256 = &certificate.certificate_sha256;
    let app_id = application.app_id.clone();
    let link = Link {
        mode: Mode::Managed,
        application,
        certificate_sha256: sha256.clone(),
        key_uri,
        algorithm: certificate.algorithm.unwrap_or(Algorithm::Ps256),
    };
    let intent = StepIntent {
        name: "link_application".to_owned(),
        summary: format!("let '{}' sign in as {}", connector.name, link.application.display_name),
        marker: json!({ "connector_id": connector.id, "certificate_sha256": sha256 }),
        undo: Undo::cmdlet("link_service_account", json!({ "connector": connector.name })),
    };
    let look = async || {
        let now = call.store().find_connector(&connector.id).await?;
        let linked = now.filter(|now| is_linked(now, &app_id, sha256));
        Ok(linked.map(|now| now.id))
    };
    let wanted = Connector {
        identity_type: IdentityType::Application,
        application: Some(link.application.clone()),
        certificate_sha256: Some(sha256.clone()),
        key_uri: Some(link.key_uri.clone()),
        ..connector.clone()
    };
    let settled = still_there(call, mark, &wanted).await?;
    let id: String = call
        .step(intent, look, async |permit| {
            let writer = call.writer();
            Ok(writer.link_application(permit, &connector.id, link.clone()).await?.id)
        })
        .await?;
    drop(settled);
    let linked = call.store().find_connector(&id).await?;
    linked.ok_or_else(|| Diagnostic::new(Code::StateCorrupt, "The connector's record is gone"))
}
