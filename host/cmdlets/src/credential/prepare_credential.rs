//! `prepare_credential`: makes a key and its certificate, ahead of the pause.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::{Change, Effect, Event, Impact, StepIntent, Target, Undo};
use entra::{CertificateInfo, CertificateRequest};
use keystore::{KeyStore, KeyUri, Provider};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use state::{
    Certificate, CertificateFilter, CertificateStatus, CertificateStore, Connector, NewCertificate,
};

use crate::certificate_files;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::events::{self, KEY_NOT_IN_HARDWARE};
use crate::sign_in;
use crate::views::CertificateView;

/// The step whose marker tells which keys are this host's own.
pub(crate) const GENERATE_KEY: &str = "generate_key";

/// The step whose marker tells which certificates are this host's own.
pub(crate) const SAVE_CERTIFICATE: &str = "save_certificate";

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
        let certificate = match still_prepared(call, &connector, tenant.client.now()).await? {
            Some(prepared) => prepared,
            None => make(call, &connector, tenant.client.now()).await?,
        };
        if !certificate.hardware {
            let message = format!(
                "The private key of the certificate {} is kept by software ({}), not by a TPM or HSM",
                certificate.thumbprint, certificate.provider
            );
            let data = json!({
                "certificate_sha256": certificate.certificate_sha256,
                "key_uri": certificate.key_uri,
            });
            events::record_once(call, KEY_NOT_IN_HARDWARE, &connector, message, data).await?;
        }
        Ok(CertificateView::of(certificate, call.now()))
    }
}

async fn make(call: &Call<'_>, connector: &Connector, now: Timestamp) -> Result<Certificate> {
    let store = call.context.keystores.preferred()?;
    let provider = store.describe();
    let choose = async || match abandoned_key(call, store).await? {
        Some(uri) => Ok(uri.to_string()),
        None => Ok(store.choose_uri().to_string()),
    };
    let uri: KeyUri = call.open.chosen("key_uri", choose).await?.parse()?;
    make_key(call, &uri, &provider).await?;
    // Made again it would be another one: a serial number is drawn, and it begins now.
    let sign = async || {
        let request = CertificateRequest::managed(now);
        let signer = call.context.keystores.signer(&uri)?;
        let made = entra::self_signed(&*signer, &request, &*call.context.ports.random).await?;
        Ok(made.pem())
    };
    let made = CertificateInfo::from_pem(&call.open.chosen("certificate", sign).await?)?;
    let algorithm = match call.context.keystores.probe(&uri).await? {
        keystore::Algorithm::Ps256 => state::Algorithm::Ps256,
        keystore::Algorithm::Rs256 => state::Algorithm::Rs256,
    };
    let new = NewCertificate {
        key_uri: Some(uri.to_string()),
        provider: provider.name,
        hardware: provider.hardware,
        exportable: provider.exportable,
        algorithm: Some(algorithm),
        connector_id: Some(connector.id.clone()),
        store: CertificateStore::User,
        ..record_of(&made)
    };
    save(call, &made, new).await
}

/// The certificate that was prepared before for this connector and is as good as a new one: its key
/// can be used, it is valid, and not due for renewal yet.
async fn still_prepared(
    call: &Call<'_>,
    connector: &Connector,
    now: Timestamp,
) -> Result<Option<Certificate>> {
    let filter = CertificateFilter {
        connector_id: Some(connector.id.clone()),
        status: Some(CertificateStatus::Prepared),
        store: Some(CertificateStore::User),
    };
    for certificate in call.store().find_certificates(&filter).await?.into_iter().rev() {
        let due = entra::due_at(certificate.not_before, certificate.not_after);
        let fresh = certificate.not_before <= now && now < due;
        let Some(uri) = certificate.key_uri.as_deref().filter(|_| fresh) else { continue };
        match unusable(call, &uri.parse()?).await? {
            None => {
                write_file(call, &sign_in::info(&certificate)?).await?;
                return Ok(Some(certificate));
            }
            Some(why) => call.observe(&Event::Said(&format!(
                "The certificate {} that was prepared before cannot be used: {why}",
                certificate.thumbprint
            ))),
        }
    }
    Ok(None)
}

/// A key that an interrupted run made and got no further with: no certificate names it, so nothing was
/// ever signed with it. Using it leaves no key behind that nobody knows of. A key that this state's
/// journal does not know is somebody else's.
async fn abandoned_key(call: &Call<'_>, store: &dyn KeyStore) -> Result<Option<KeyUri>> {
    let certificates = call.store().find_certificates(&CertificateFilter::default()).await?;
    for uri in store.list().await? {
        let text = uri.to_string();
        let named = certificates.iter().any(|known| known.key_uri.as_deref() == Some(&text));
        if !named
            && call.store().was_intended(GENERATE_KEY, &key_marker(&uri)).await?
            && unusable(call, &uri).await?.is_none()
        {
            return Ok(Some(uri));
        }
    }
    Ok(None)
}

/// Why a key cannot be used, and never will be; none where it can.
async fn unusable(call: &Call<'_>, uri: &KeyUri) -> Result<Option<Diagnostic>> {
    match call.context.keystores.public_key(uri).await {
        Ok(_) => Ok(None),
        Err(gone) if matches!(gone.code, Code::KeyNotFound | Code::KeyCorrupt) => Ok(Some(gone)),
        Err(error) => Err(error),
    }
}

/// What a key that this host made is found by.
pub(crate) fn key_marker(uri: &KeyUri) -> Value {
    json!({ "key_uri": uri.to_string() })
}

/// Makes the key, unless an interrupted run made it.
async fn make_key(call: &Call<'_>, uri: &KeyUri, provider: &Provider) -> Result<()> {
    let keystores = &call.context.keystores;
    let intent = StepIntent {
        name: GENERATE_KEY.to_owned(),
        summary: format!("make the private key {uri} ({})", provider.name),
        marker: key_marker(uri),
        undo: Undo::cmdlet("remove_private_key", key_marker(uri)),
    };
    let look = async || Ok(keystores.exists(uri).await?.then_some(()));
    let act = async |permit: effect::Permit<'_>| keystores.generate(permit, uri).await.map(drop);
    call.ensure(intent, look, look, act).await
}

/// Keeps the certificate: in the user's store as a file, and as a record.
async fn save(
    call: &Call<'_>,
    made: &CertificateInfo,
    new: NewCertificate,
) -> Result<Certificate> {
    let sha256 = &made.sha256;
    let folder = call.context.places.certificates.display();
    let intent = StepIntent {
        name: SAVE_CERTIFICATE.to_owned(),
        summary: format!("keep the certificate {} in {folder}", made.thumbprint),
        marker: json!({ "certificate_sha256": sha256 }),
        undo: Undo::cmdlet("remove_certificate", json!({ "certificate_sha256": sha256 })),
    };
    // The record first: a file without a record would be found by nobody, a record without its file
    // gets one again.
    let look = async || call.store().find_certificate(sha256).await;
    let act = async |permit: effect::Permit<'_>| {
        call.writer().save_certificate(permit, new.clone()).await
    };
    let saved = call.step(intent, look, act).await?;
    write_file(call, made).await?;
    Ok(saved)
}

/// Writes a certificate's file, also again where somebody removed it: no record is without its object.
async fn write_file(call: &Call<'_>, made: &CertificateInfo) -> Result<()> {
    let file = certificate_files::path(call.context, &made.sha256);
    let is_there =
        async || Ok(certificate_files::is_there(call.context, &made.sha256).then_some(()));
    let intent = StepIntent {
        name: "write_certificate_file".to_owned(),
        summary: format!("write {}", file.display()),
        marker: json!({ "certificate_sha256": made.sha256 }),
        undo: Undo::unneeded("it goes with the certificate's record"),
    };
    let act = async |_permit: effect::Permit<'_>| certificate_files::write(call.context, made);
    call.ensure(intent, is_there, is_there, act).await
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
