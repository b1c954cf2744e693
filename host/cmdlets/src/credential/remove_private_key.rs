//! `remove_private_key`: destroys a private key of this host.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo};
use keystore::KeyUri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::CertificateFilter;

use super::prepare_credential::{GENERATE_KEY, key_marker};
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::removal::{Removed, require_ours};

/// The cmdlet `remove_private_key`.
pub struct RemovePrivateKey;

/// Destroys a private key that this host made, for good. Its certificate must be removed before: no
/// certificate is left without its key. Never the one that a connector signs in with.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Its address, such as `software:7c2f…`, as `get_certificate` shows it.
    pub key_uri: String,
}

impl Cmdlet for RemovePrivateKey {
    const ABOUT: About = About {
        name: "remove_private_key",
        summary: "Destroy a private key of this host",
        effect: Effect::Change(Change {
            target: Target::PrivateKey,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["delete", "destroy", "private key"],
        see_also: &["remove_certificate", "prepare_credential"],
        errors: &[
            (Code::EffectNoEvidence, "a connector signs in with it, or may not work without"),
            (Code::CertificateUnusable, "its certificate is still here"),
            (Code::ConnectorState, "this host did not make it"),
        ],
        examples: &[
            Example {
                title: "The key of a certificate that is not needed",
                script: r#"let prepared = prepare_credential(#{ connector: "default" });
remove_certificate(#{ certificate_sha256: prepared.certificate_sha256 });
remove_private_key(#{ key_uri: prepared.key_uri }).removed"#,
                shows: Shows::Value("true"),
            },
            Example {
                title: "Not before its certificate",
                script: r#"let prepared = prepare_credential(#{ connector: "default" });
remove_private_key(#{ key_uri: prepared.key_uri })"#,
                shows: Shows::Failure(Code::CertificateUnusable),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = Removed;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.key_uri
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Removed> {
        let uri: KeyUri = parameters.key_uri.parse()?;
        let keystores = &call.context.keystores;
        let intent = StepIntent {
            name: "remove_private_key".to_owned(),
            summary: format!("destroy the private key {uri}"),
            marker: key_marker(&uri),
            undo: Undo::irreversible("a private key cannot be made again"),
        };
        if !keystores.exists(&uri).await? && !call.open.was_begun(&intent) {
            return Ok(Removed { removed: false });
        }
        require_ours(call, GENERATE_KEY, &key_marker(&uri), &format!("the private key {uri}"))
            .await?;
        require_unnamed(call, &uri).await?;
        let removal = Removal::PrivateKey { key_uri: uri.to_string() };
        let look = async || Ok((!keystores.exists(&uri).await?).then_some(()));
        let act = async |permit: RemovalPermit<'_>| keystores.delete(permit, &uri).await;
        call.remove(intent, &removal, look, act).await?;
        Ok(Removed { removed: true })
    }
}

/// No certificate is left without its key.
async fn require_unnamed(call: &Call<'_>, uri: &KeyUri) -> Result<()> {
    let text = uri.to_string();
    let certificates = call.store().find_certificates(&CertificateFilter::default()).await?;
    let Some(own) = certificates.iter().find(|known| known.key_uri.as_ref() == Some(&text)) else {
        return Ok(());
    };
    let sha256 = &own.certificate_sha256;
    let named = format!("The private key {uri} belongs to the certificate {}", own.thumbprint);
    let data = json!(sha256);
    Err(Diagnostic::new(Code::CertificateUnusable, named)
        .next(format!("Remove that first: remove_certificate(#{{ certificate_sha256: {data} }})")))
}
