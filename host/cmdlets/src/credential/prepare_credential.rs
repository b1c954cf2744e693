//! `prepare_credential`: makes a key and its certificate, ahead of the pause.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use entra::{CertificateInfo, CertificateRequest};
use keystore::{KeyStore, KeyUri, Provider};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{
    Certificate, CertificateFilter, CertificateStatus, CertificateStore, Connector, NewCertificate,
};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::events::{self, KEY_NOT_IN_HARDWARE};
use crate::views::CertificateView;

/// The cmdlet `prepare_credential`.
pub struct PrepareCredential;

/// Makes an RSA key of 2048 bits in the key store, and a certificate over it that is valid for 90 days.
/// Making a key can take long, so it is done before the scheduler is paused. A certificate that was
/// prepared before and not used yet is answered again. Where no hardware keeps the key, event 1014
/// says so.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector that it is for.
    pub connector: String,
}

impl Cmdlet for PrepareCredential {
    const ABOUT: About = About {
        name: "prepare_credential",
        summary: "Make a key and its certificate ahead of their use",
        effect: Effect::Change(Change {
            target: Target::Certificate,
            action: "prepare",
            impact: Impact::Low,
        }),
        replay: Replay::Recorded,
        search_terms: &["New-SelfSignedCertificate", "key", "certificate", "generate"],
        see_also: &["add_app_registration", "get_certificate"],
        errors: &[
            (Code::KeyStoreFailed, "the key store failed, or none is left"),
            (Code::DiskFull, "there is no room for the key"),
        ],
        examples: &[
            Example {
                title: "Look at what was made",
                script: r#"prepare_credential(#{ connector: "default" }).subject"#,
                shows: Shows::Value(r#""CN=Entra Connect Sync Provisioning""#),
            },
            Example {
                title: "The same certificate again, until it is used",
                script: r#"let first = prepare_credential(#{ connector: "default" });
let second = prepare_credential(#{ connector: "default" });
first.certificate_sha256 == second.certificate_sha256"#,
                shows: Shows::Value("true"),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = CertificateView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<CertificateView> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        if let Some(prepared) = still_prepared(call, &connector).await? {
            return Ok(CertificateView::of(prepared, call.now()));
        }
        let store = call.context.keystores.preferred()?;
        let provider = store.describe();
        let uri = match abandoned_key(call, store).await? {
            Some(uri) => uri,
            None => make_key(call, store.choose_uri(), &provider).await?,
        };
        let request = CertificateRequest::managed(tenant.client.now());
        let signer = call.context.keystores.signer(&uri)?;
        let made = entra::self_signed(&*signer, &request, &*call.context.ports.random).await?;
        let algorithm = match call.context.keystores.probe(&uri).await? {
            keystore::Algorithm::Ps256 => state::Algorithm::Ps256,
            keystore::Algorithm::Rs256 => state::Algorithm::Rs256,
        };
        let new = NewCertificate {
            key_uri: Some(uri.to_string()),
            provider: provider.name.clone(),
            hardware: provider.hardware,
            exportable: provider.exportable,
            algorithm: Some(algorithm),
            connector_id: Some(connector.id.clone()),
            store: CertificateStore::User,
            ..record_of(&made)
        };
        let certificate = save(call, &made, new).await?;
        if !provider.hardware {
            let message = format!(
                "The private key of the certificate {} is kept by software ({}), not by a TPM or HSM",
                made.thumbprint, provider.name
            );
            let data = json!({ "certificate_sha256": made.sha256, "key_uri": uri.to_string() });
            events::record(call, KEY_NOT_IN_HARDWARE, &connector, message, data).await?;
        }
        Ok(CertificateView::of(certificate, call.now()))
    }
}

/// The certificate that was prepared before for this connector and is as good as a new one: its key
/// is here, and it is not due for renewal yet.
async fn still_prepared(call: &Call<'_>, connector: &Connector) -> Result<Option<Certificate>> {
    let filter = CertificateFilter {
        connector_id: Some(connector.id.clone()),
        status: Some(CertificateStatus::Prepared),
        store: Some(CertificateStore::User),
    };
    let now = call.now();
    for certificate in call.store().find_certificates(&filter).await?.into_iter().rev() {
        let due = entra::due_at(certificate.not_before, certificate.not_after);
        let Some(uri) = certificate.key_uri.as_deref().filter(|_| now < due) else { continue };
        if call.context.keystores.exists(&uri.parse()?).await? {
            return Ok(Some(certificate));
        }
    }
    Ok(None)
}

/// A key that an interrupted run made and got no further with: no certificate names it, so nothing was
/// ever signed with it. Using it leaves no key behind that nobody knows of.
async fn abandoned_key(call: &Call<'_>, store: &dyn KeyStore) -> Result<Option<KeyUri>> {
    let certificates = call.store().find_certificates(&CertificateFilter::default()).await?;
    let named: Vec<&str> =
        certificates.iter().filter_map(|certificate| certificate.key_uri.as_deref()).collect();
    let all = store.list().await?;
    Ok(all.into_iter().find(|uri| !named.contains(&uri.to_string().as_str())))
}

async fn make_key(call: &Call<'_>, uri: KeyUri, provider: &Provider) -> Result<KeyUri> {
    let keystores = &call.context.keystores;
    let intent = StepIntent {
        name: "generate_key".to_owned(),
        summary: format!("make the private key {uri} ({})", provider.name),
        marker: json!({ "key_uri": uri.to_string() }),
        undo: Undo::cmdlet("remove_private_key", json!({ "key_uri": uri.to_string() })),
    };
    let look = async || Ok(keystores.exists(&uri).await?.then_some(()));
    call.step(intent, look, async |permit| keystores.generate(permit, &uri).await.map(drop)).await?;
    Ok(uri)
}

/// Keeps the certificate: in the user's store as a file, and as a record.
async fn save(
    call: &Call<'_>,
    made: &CertificateInfo,
    new: NewCertificate,
) -> Result<Certificate> {
    let sha256 = &made.sha256;
    let folder = &call.context.places.certificates;
    let file = folder.join(format!("{sha256}.pem"));
    let intent = StepIntent {
        name: "save_certificate".to_owned(),
        summary: format!("keep the certificate {} in {}", made.thumbprint, folder.display()),
        marker: json!({ "certificate_sha256": sha256 }),
        undo: Undo::cmdlet("remove_certificate", json!({ "certificate_sha256": sha256 })),
    };
    let look = async || call.store().find_certificate(sha256).await;
    call.step(intent, look, async |permit| {
        let disk = &call.context.ports.disk;
        let written = disk
            .create_folder(folder, 0o700)
            .and_then(|()| disk.write_atomic(&file, made.pem().as_bytes(), 0o644));
        written.map_err(|error| {
            let code = match error.kind() {
                std::io::ErrorKind::StorageFull => Code::DiskFull,
                _ => Code::DiskFailed,
            };
            Diagnostic::new(code, format!("The certificate cannot be kept in {}", folder.display()))
                .source(&error)
                .next("Make room or mend the folder, then run the script again.")
        })?;
        call.writer().save_certificate(permit, new.clone()).await
    })
    .await
}

/// What a record takes over from the certificate itself.
fn record_of(made: &CertificateInfo) -> NewCertificate {
    NewCertificate {
        certificate_sha256: made.sha256.clone(),
        thumbprint: made.thumbprint.clone(),
        subject: made.subject.clone(),
        issuer: made.issuer.clone(),
        serial_number: made.serial_number.clone(),
        not_before: made.not_before,
        not_after: made.not_after,
        der: made.der.clone(),
        key_uri: None,
        provider: String::new(),
        hardware: false,
        exportable: false,
        algorithm: None,
        connector_id: None,
        store: CertificateStore::User,
    }
}
