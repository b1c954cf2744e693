//! `remove_app_key`: removes a key credential from a connector's application.

use base::{Code, Result};
use effect::{Change, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo};
use entra::graph::ApplicationRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::certificates::normalised_sha256;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::registration;
use crate::removal::{Removed, doubted, forget_key, gone};
use crate::scheduling::require_lease;
use crate::sign_in;

/// The cmdlet `remove_app_key`.
pub struct RemoveAppKey;

/// Removes the key credential of a certificate of this host from the connector's application, by
/// writing the list without it; the others stay unaltered. Never the one that the connector signs in
/// with; and another one only where tokens prove, here and now, that the connector works without.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// SHA-256 of the certificate.
    pub certificate_sha256: String,
}

impl Cmdlet for RemoveAppKey {
    const ABOUT: About = About {
        name: "remove_app_key",
        summary: "Remove a key credential from a connector's application",
        effect: Effect::Change(Change {
            target: Target::ApplicationKey,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["Remove-EntraApplicationKey", "Remove-MgApplicationKey", "revoke"],
        see_also: &["add_app_registration", "remove_application", "test_credential"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::CertificateUnknown, "this host has no such certificate"),
            (Code::EffectNoEvidence, "the connector signs in with it, or may not work without"),
        ],
        examples: &[
            Example {
                title: "Never the one that is in use",
                script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
let made = add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
link_app_registration(#{ connector: "default", app_id: made.app_id, certificate_sha256: made.certificate_sha256 });
remove_app_key(#{ connector: "default", certificate_sha256: made.certificate_sha256 })"#,
                shows: Shows::Failure(Code::EffectNoEvidence),
            },
            Example {
                title: "One that is not in use yet",
                script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
remove_app_key(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 }).removed"#,
                shows: Shows::Value("true"),
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
        let sha256 = normalised_sha256(&parameters.certificate_sha256)?;
        let known = call.store().get_certificate(&sha256).await?;
        let certificate = sign_in::info(&known)?;
        let reference = registration::own_application(&connector)?;
        let removed = call.with_session(&tenant, async |session| {
            let graph = session.graph(&administrator);
            let find = async || graph.find_application(&reference).await;
            let Some(application) = session.look_for("application", find).await? else {
                return Ok(Removed { removed: false });
            };
            let by_id = ApplicationRef::Id(application.id);
            let find = async || match graph.key_credentials(&by_id).await {
                Err(error) if error.code == Code::GraphNotFound => Ok(None),
                keys => Ok(keys?.into_iter().find(|key| key.is_of(&certificate))),
            };
            let Some(key) = session.look_for("key credential", find).await? else {
                return Ok(Removed { removed: false });
            };
            let removal = Removal::ApplicationKey {
                application_id: application.id.to_string(),
                app_id: application.app_id.to_string(),
                key_id: key.key_id.to_string(),
            };
            let intent = StepIntent {
                name: "remove_key".to_owned(),
                summary: format!("remove the key credential {} of {certificate}", key.key_id),
                marker: json!({ "application_id": application.id, "key_id": key.key_id }),
                undo: Undo::irreversible("registering it again makes another key credential"),
            };
            let look = async || gone(session, "key credential", find).await;
            let act = async |permit: RemovalPermit<'_>| {
                doubted(graph.remove_key_from_list(permit, &by_id, key.key_id).await)
            };
            call.remove(intent, &removal, look, act).await?;
            Ok(Removed { removed: true })
        })
        .await?;
        forget_key(call, &known).await?;
        Ok(removed)
    }
}
