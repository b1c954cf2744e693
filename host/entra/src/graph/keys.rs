//! Key credentials: the public halves registered on an application.

use base::{Code, Diagnostic, Result, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use effect::{Permit, Removal, RemovalPermit};
use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::applications::ApplicationRef;
use super::{Graph, outgoing};
use crate::assertion::proof_of_possession;
use crate::certificate::CertificateInfo;
use crate::credential::CertificateCredential;
use crate::retry::Repeatable;
use crate::wait::Look;

/// A key credential that is registered. Everything is kept as the service wrote it, because a
/// list must be written back unaltered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyCredential {
    /// Its id.
    pub key_id: Uuid,
    /// Its name; the service fills in the certificate's subject where none was given.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Begin of its life, in RFC 3339.
    #[serde(default)]
    pub start_date_time: Option<String>,
    /// End of its life, in RFC 3339.
    #[serde(default)]
    pub end_date_time: Option<String>,
    /// `AsymmetricX509Cert`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// `Verify`.
    #[serde(default)]
    pub usage: Option<String>,
    /// The thumbprint, in one of several spellings (facts 2.3).
    #[serde(default)]
    pub custom_key_identifier: Option<String>,
    /// The certificate, DER in base64; only where it was asked for.
    #[serde(default)]
    pub key: Option<String>,
}

impl KeyCredential {
    /// The certificate's SHA-256, where the service told the certificate.
    pub fn certificate_sha256(&self) -> Option<String> {
        Some(self.certificate()?.sha256)
    }

    /// The certificate, where the service told it.
    pub fn certificate(&self) -> Option<CertificateInfo> {
        let key: String = self.key.as_ref()?.split_whitespace().collect();
        CertificateInfo::from_der(&STANDARD.decode(key).ok()?).ok()
    }

    /// Whether it is this certificate: by the certificate itself where the service told it, else
    /// by the thumbprint, which is written in hex, or in base64 of its bytes or of its hex text.
    pub fn is_of(&self, certificate: &CertificateInfo) -> bool {
        if let Some(sha256) = self.certificate_sha256() {
            return sha256 == certificate.sha256;
        }
        let Some(identifier) = &self.custom_key_identifier else { return false };
        if identifier.eq_ignore_ascii_case(&certificate.thumbprint) {
            return true;
        }
        let Ok(bytes) = STANDARD.decode(identifier) else { return false };
        hex::encode_upper(&bytes) == certificate.thumbprint
            || bytes.eq_ignore_ascii_case(certificate.thumbprint.as_bytes())
    }

    /// End of its life, where it can be read.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.end_date_time.as_ref()?.parse().ok()
    }
}

/// A key credential that is to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewKeyCredential {
    #[serde(rename = "type")]
    kind: &'static str,
    usage: &'static str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

impl NewKeyCredential {
    /// The certificate as a key credential. Its life and thumbprint are filled in by the service,
    /// out of the certificate.
    pub fn of(certificate: &CertificateInfo) -> Self {
        Self {
            kind: "AsymmetricX509Cert",
            usage: "Verify",
            key: certificate.der.clone(),
            display_name: Some(certificate.subject.chars().take(90).collect()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithKeys {
    key_credentials: Vec<KeyCredential>,
}

/// The whole list, as it is written back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyList<'a> {
    key_credentials: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    /// Repeated with its id and without its certificate, which keeps it (facts 2.3).
    Kept(KeyCredential),
    New(&'a NewKeyCredential),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddKey<'a> {
    key_credential: &'a NewKeyCredential,
    password_credential: Option<()>,
    proof: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemoveKey<'a> {
    key_id: Uuid,
    proof: &'a str,
}

impl Graph<'_> {
    /// The key credentials of an application, with their certificates. A tenant allows 150 such
    /// requests a minute.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn key_credentials(
        &self,
        application: &ApplicationRef,
    ) -> Result<Vec<KeyCredential>> {
        let what = format!("read the key credentials of {application}");
        let url = self.url(&application.path(), &[("$select", "keyCredentials")]);
        let found: WithKeys = self.get(&what, url).await?;
        Ok(found.key_credentials)
    }

    /// Registers a certificate by writing the whole list, keeping what is in it. Two writers at
    /// once can lose a key this way, so [`Graph::add_key`] is better wherever a registered key is
    /// at hand. One that is registered already is no error.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn add_key_to_list(
        &self,
        _permit: Permit<'_>,
        application: &ApplicationRef,
        certificate: &CertificateInfo,
    ) -> Result<()> {
        let kept = self.key_credentials(application).await?;
        if kept.iter().any(|key| key.is_of(certificate)) {
            return Ok(());
        }
        let new = NewKeyCredential::of(certificate);
        let what = format!("register a certificate on {application}");
        self.write_list(&what, application, kept, Some(&new)).await
    }

    /// Removes a key credential by writing the whole list without it. See
    /// [`Graph::add_key_to_list`].
    ///
    /// # Errors
    /// `graph.not_found` where there is no such key; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn remove_key_from_list(
        &self,
        permit: RemovalPermit<'_>,
        application: &ApplicationRef,
        key_id: Uuid,
    ) -> Result<()> {
        permit.covers(|removal| match removal {
            Removal::ApplicationKey { application_id, app_id, key_id: judged } => {
                application.is(application_id, app_id) && *judged == key_id.to_string()
            }
            _ => false,
        })?;
        let all = self.key_credentials(application).await?;
        let (removed, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|k| k.key_id == key_id);
        if removed.is_empty() {
            let absent = format!("There is no key {key_id} on {application}");
            return Err(Diagnostic::new(Code::GraphNotFound, absent));
        }
        let what = format!("remove the key {key_id} from {application}");
        self.write_list(&what, application, kept, None).await
    }

    async fn write_list(
        &self,
        what: &str,
        application: &ApplicationRef,
        kept: Vec<KeyCredential>,
        new: Option<&NewKeyCredential>,
    ) -> Result<()> {
        let kept = kept.into_iter().map(|key| Entry::Kept(KeyCredential { key: None, ..key }));
        let list = KeyList { key_credentials: kept.chain(new.map(Entry::New)).collect() };
        let url = self.url(&application.path(), &[]);
        // Sent twice it would undo what another writer did in between.
        let mut request = outgoing(what, Method::PATCH, url, Repeatable::Once);
        self.send(&mut request, Some(&list)).await.map(drop)
    }

    /// Registers a certificate by proof that `prover`, whose certificate is registered and valid
    /// now, has its key. It needs no permission when the application itself calls.
    ///
    /// # Errors
    /// `graph.token` where the proof is refused; else `graph.*`, `sign_in.*`, `remote.*`. Where
    /// its answer was lost, look for the certificate among the key credentials.
    pub async fn add_key(
        &self,
        _permit: Permit<'_>,
        application_id: Uuid,
        certificate: &CertificateInfo,
        prover: &CertificateCredential,
    ) -> Result<KeyCredential> {
        let proof = self.proof(application_id, prover).await?;
        let new = NewKeyCredential::of(certificate);
        let body =
            AddKey { key_credential: &new, password_credential: None, proof: proof.expose() };
        let what = format!("register the certificate {certificate} by proof");
        let url = self.url(&format!("applications/{application_id}/addKey"), &[]);
        self.create(&what, url, Repeatable::Once, &body).await
    }

    /// Removes a key credential by proof. See [`Graph::add_key`].
    ///
    /// # Errors
    /// As [`Graph::add_key`].
    pub async fn remove_key(
        &self,
        permit: RemovalPermit<'_>,
        application_id: Uuid,
        key_id: Uuid,
        prover: &CertificateCredential,
    ) -> Result<()> {
        permit.covers(|removal| match removal {
            Removal::ApplicationKey { application_id: of, key_id: judged, .. } => {
                *of == application_id.to_string() && *judged == key_id.to_string()
            }
            _ => false,
        })?;
        let proof = self.proof(application_id, prover).await?;
        let body = RemoveKey { key_id, proof: proof.expose() };
        let what = format!("remove the key {key_id} by proof");
        let url = self.url(&format!("applications/{application_id}/removeKey"), &[]);
        let mut request = outgoing(&what, Method::POST, url, Repeatable::Once);
        self.send(&mut request, Some(&body)).await.map(drop)
    }

    async fn proof(
        &self,
        application_id: Uuid,
        prover: &CertificateCredential,
    ) -> Result<base::SecretText> {
        // The clock must be known before the first statement is signed.
        self.token().await?;
        let now = self.session.now();
        proof_of_possession(&*prover.signer, &prover.certificate, application_id, now).await
    }

    /// Waits until a certificate is among the key credentials several times in a row.
    ///
    /// # Errors
    /// As [`crate::Session::until`].
    pub async fn key_registered(
        &self,
        application: &ApplicationRef,
        certificate: &CertificateInfo,
    ) -> Result<KeyCredential> {
        self.session
            .until("key registered", async || {
                let keys = self.key_credentials(application).await?;
                Ok(match keys.into_iter().find(|key| key.is_of(certificate)) {
                    Some(key) => Look::Seen(key),
                    None => Look::NotYet(format!("{certificate} is not among the keys")),
                })
            })
            .await
    }
}
