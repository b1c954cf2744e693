//! `remove_certificate`: forgets a certificate of this host.

use base::{Code, Diagnostic, Result};
use effect::{
    Change, Circumstance, Effect, Impact, Removal, RemovalPermit, StepIntent, Target, Undo,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::CertificateStatus;

use crate::certificate_files;
use crate::certificates::normalised_sha256;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::removal::Removed;

/// The cmdlet `remove_certificate`.
pub struct RemoveCertificate;

/// Removes the certificate's record and its file. Its private key stays: see `remove_private_key`.
/// Never the one that a connector signs in with; and one that a connector used before only once a
/// synchronization cycle ended well without it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// SHA-256 of the certificate.
    pub certificate_sha256: String,
}

impl Cmdlet for RemoveCertificate {
    const ABOUT: About = About {
        name: "remove_certificate",
        summary: "Remove a certificate from this host",
        effect: Effect::Change(Change {
            target: Target::Certificate,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["Remove-Item Cert:", "delete", "certificate"],
        see_also: &["get_certificate", "remove_private_key", "remove_app_key"],
        errors: &[
            (Code::EffectNoEvidence, "a connector signs in with it, or may not work without"),
            (Code::CertificateUnknown, "that is no SHA-256"),
        ],
        examples: &[Example {
            title: "One that was prepared and is not needed",
            script: r#"let prepared = prepare_credential(#{ connector: "default" });
remove_certificate(#{ certificate_sha256: prepared.certificate_sha256 }).removed"#,
            shows: Shows::Value("true"),
        }],
    };

    type Parameters = Parameters;
    type Output = Removed;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.certificate_sha256
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Removed> {
        let sha256 = normalised_sha256(&parameters.certificate_sha256)?;
        let intent = StepIntent {
            name: "remove_certificate".to_owned(),
            summary: format!("remove the certificate {sha256}"),
            marker: json!({ "certificate_sha256": sha256 }),
            undo: Undo::irreversible("a certificate cannot be made again"),
        };
        let is_there = async || {
            let recorded = call.store().find_certificate(&sha256).await?.is_some();
            Result::Ok(recorded || certificate_files::is_there(call.context, &sha256))
        };
        if !is_there().await? && !call.open.was_begun(&intent) {
            return Ok(Removed { removed: false });
        }
        require_unregistered(call, &sha256).await?;
        let removal = Removal::Certificate { certificate_sha256: sha256.clone() };
        let look = async || Ok((!is_there().await?).then_some(()));
        // The file first: a record without its file is found again, a file without its record is not.
        let act = async |permit: RemovalPermit<'_>| {
            certificate_files::remove(call.context, &sha256)?;
            call.writer().remove_certificate(permit, &sha256).await
        };
        call.remove(intent, &removal, look, act).await?;
        Ok(Removed { removed: true })
    }
}

/// Without its record nobody could take the key credential away any more that is registered for it.
/// Unwinding has done that before it comes here.
async fn require_unregistered(call: &Call<'_>, sha256: &str) -> Result<()> {
    let Some(known) = call.store().find_certificate(sha256).await? else { return Ok(()) };
    let (Some(key_id), Some(connector)) = (&known.key_id, &known.connector_id) else {
        return Ok(());
    };
    // The guard has the word on the one in use; a connector that was forgotten has no application.
    if call.open.circumstance() == Circumstance::Undone
        || known.status == CertificateStatus::Active
    {
        return Ok(());
    }
    let Some(connector) = call.store().find_connector(connector).await? else { return Ok(()) };
    let (name, thumbprint, data) = (json!(connector.name), &known.thumbprint, json!(sha256));
    let registered = format!("The certificate {thumbprint} is registered as the key credential {key_id}");
    Err(Diagnostic::new(Code::CertificateUnusable, registered)
        .meaning("Without its record on this host nobody could remove that key credential any more.")
        .next(format!(
            "Remove that first: remove_app_key(#{{ connector: {name}, certificate_sha256: {data} }})"
        )))
}
