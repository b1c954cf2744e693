//! Records of the certificates on this host.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::{Permit, Removal, RemovalPermit};
use serde::{Deserialize, Serialize};

use crate::connectors::{Algorithm, Connector, IdentityType};
use crate::database::Transaction;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

words! {
    /// Where a certificate is kept.
    pub enum CertificateStore {
        /// With the state of the user who runs this host.
        User = "user",
        /// With the machine.
        Machine = "machine",
    }

    /// What a certificate is to its connector.
    pub enum CertificateStatus {
        /// Made ahead, not used yet.
        Prepared = "prepared",
        /// The connector signs in with it.
        Active = "active",
        /// The connector signed in with it before.
        Retired = "retired",
    }
}

/// A certificate on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-256 of its DER form, upper hex.
    pub certificate_sha256: String,
    /// SHA-1 of its DER form, upper hex.
    pub thumbprint: String,
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its serial number, upper hex.
    pub serial_number: String,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ceases to be valid.
    pub not_after: Timestamp,
    /// Its DER form in base64.
    pub der: String,
    /// Its private key, where this host has it.
    pub key_uri: Option<String>,
    /// What keeps the private key, for people.
    pub provider: String,
    /// Whether the private key is kept by hardware.
    pub hardware: bool,
    /// Whether the private key can be taken out of what keeps it.
    pub exportable: bool,
    /// How assertions are signed with it.
    pub algorithm: Option<Algorithm>,
    /// The connector that it is for.
    pub connector_id: Option<String>,
    /// Where it is kept.
    pub store: CertificateStore,
    /// What it is to its connector.
    pub status: CertificateStatus,
    /// The key credential that it was registered as.
    pub key_id: Option<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When the record was changed last.
    pub changed_at: Timestamp,
}

/// A certificate to record. See [`Certificate`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of Certificate")]
pub struct NewCertificate {
    pub certificate_sha256: String,
    pub thumbprint: String,
    pub subject: String,
    pub issuer: String,
    pub serial_number: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub der: String,
    pub key_uri: Option<String>,
    pub provider: String,
    pub hardware: bool,
    pub exportable: bool,
    pub algorithm: Option<Algorithm>,
    pub connector_id: Option<String>,
    pub store: CertificateStore,
}

/// Which certificates are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFilter {
    /// For this connector.
    pub connector_id: Option<String>,
    /// Of this status.
    pub status: Option<CertificateStatus>,
    /// In this store.
    pub store: Option<CertificateStore>,
}

impl Store {
    /// The certificates that match, oldest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_certificates(&self, filter: &CertificateFilter) -> Result<Vec<Certificate>> {
        let query = Query::new(
            "SELECT * FROM certificates WHERE ($1 IS NULL OR connector_id = $1) \
             AND ($2 IS NULL OR status = $2) AND ($3 IS NULL OR store = $3) \
             ORDER BY created_at, certificate_sha256",
        )
        .bind(filter.connector_id.as_deref())
        .bind(filter.status.map(CertificateStatus::as_str))
        .bind(filter.store.map(CertificateStore::as_str));
        self.rows(query).await?.iter().map(read).collect()
    }

    /// The certificate of that SHA-256 (upper hex), if this host has a record of it.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_certificate(&self, certificate_sha256: &str) -> Result<Option<Certificate>> {
        let query = Query::new("SELECT * FROM certificates WHERE certificate_sha256 = $1")
            .bind(certificate_sha256);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The certificate of that SHA-256 (upper hex).
    ///
    /// # Errors
    /// `CertificateUnknown`.
    pub async fn get_certificate(&self, certificate_sha256: &str) -> Result<Certificate> {
        self.find_certificate(certificate_sha256).await?.ok_or_else(|| unknown(certificate_sha256))
    }
}

impl Writer {
    /// Records a certificate as `prepared`. Recording the same one again answers the record as it
    /// stands.
    ///
    /// # Errors
    /// As the database says.
    pub async fn save_certificate(
        &self,
        _permit: Permit<'_>,
        new: NewCertificate,
    ) -> Result<Certificate> {
        let now = self.now();
        let mut change = self.begin().await?;
        let result = async {
            change.execute(inserted(&new, now)).await?;
            reread(&mut change, &new.certificate_sha256).await
        }
        .await;
        self.finish(change, result).await
    }

    /// Records as which key credential a certificate was registered.
    ///
    /// # Errors
    /// `CertificateUnknown`.
    pub async fn set_certificate_key(
        &self,
        _permit: Permit<'_>,
        certificate_sha256: &str,
        key_id: Option<&str>,
    ) -> Result<Certificate> {
        let query = Query::new(
            "UPDATE certificates SET key_id = $2, changed_at = $3 WHERE certificate_sha256 = $1",
        )
        .bind(certificate_sha256)
        .bind(key_id)
        .bind(self.now());
        let mut change = self.begin().await?;
        let result = async {
            change.execute(query).await?;
            reread(&mut change, certificate_sha256).await
        }
        .await;
        self.finish(change, result).await
    }

    /// Forgets a certificate that was judged. Forgetting an unknown one is no error.
    ///
    /// # Errors
    /// As the database says.
    pub async fn remove_certificate(
        &self,
        permit: RemovalPermit<'_>,
        certificate_sha256: &str,
    ) -> Result<()> {
        permit.covers(|removal| {
            matches!(removal, Removal::Certificate { certificate_sha256: judged }
                if judged == certificate_sha256)
        })?;
        let query = Query::new("DELETE FROM certificates WHERE certificate_sha256 = $1")
            .bind(certificate_sha256);
        let mut change = self.begin().await?;
        let result = change.execute(query).await.map(drop);
        self.finish(change, result).await
    }
}

/// Makes the certificate that a connector signs in with the active one, and the ones before it
/// retired. With a service account there is no active one.
pub(crate) async fn activate(change: &mut Transaction<'_>, connector: &Connector) -> Result<()> {
    let signs = connector.identity_type == IdentityType::Application;
    let application = connector.application.as_ref().filter(|_| signs);
    let query = Query::new(
        "UPDATE certificates SET changed_at = $3, \
         status = CASE WHEN certificate_sha256 = $2 THEN 'active' ELSE 'retired' END, \
         key_id = CASE WHEN certificate_sha256 = $2 THEN $4 ELSE key_id END \
         WHERE connector_id = $1 AND (status = 'active' OR certificate_sha256 = $2)",
    )
    .bind(&connector.id)
    .bind(connector.certificate_sha256.as_deref().filter(|_| signs))
    .bind(connector.changed_at)
    .bind(application.map(|application| application.key_id.as_str()));
    change.execute(query).await.map(drop)
}

fn inserted(new: &NewCertificate, now: Timestamp) -> Query {
    Query::new(
        "INSERT INTO certificates (certificate_sha256, thumbprint, subject, issuer, \
         serial_number, not_before, not_after, der, key_uri, provider, hardware, exportable, \
         algorithm, connector_id, store, status, created_at, changed_at, sandbox) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'prepared', \
         $16, $16, COALESCE((SELECT sandbox FROM connectors WHERE id = $14), 0)) \
         ON CONFLICT (certificate_sha256) DO NOTHING",
    )
    .bind(&new.certificate_sha256)
    .bind(&new.thumbprint)
    .bind(&new.subject)
    .bind(&new.issuer)
    .bind(&new.serial_number)
    .bind(new.not_before)
    .bind(new.not_after)
    .bind(&new.der)
    .bind(new.key_uri.as_deref())
    .bind(&new.provider)
    .bind(new.hardware)
    .bind(new.exportable)
    .bind(new.algorithm.map(Algorithm::as_str))
    .bind(new.connector_id.as_deref())
    .bind(new.store.as_str())
    .bind(now)
}

async fn reread(change: &mut Transaction<'_>, certificate_sha256: &str) -> Result<Certificate> {
    let query = Query::new("SELECT * FROM certificates WHERE certificate_sha256 = $1")
        .bind(certificate_sha256);
    match change.row(query).await? {
        Some(row) => read(&row),
        None => Err(unknown(certificate_sha256)),
    }
}

fn unknown(certificate_sha256: &str) -> Diagnostic {
    Diagnostic::new(
        Code::CertificateUnknown,
        format!("This host has no certificate with SHA-256 {certificate_sha256}"),
    )
    .next("Compare the SHA-256 with: openssl x509 -in FILE -noout -fingerprint -sha256")
}

pub(crate) fn read(row: &Row) -> Result<Certificate> {
    Ok(Certificate {
        certificate_sha256: row.text("certificate_sha256")?,
        thumbprint: row.text("thumbprint")?,
        subject: row.text("subject")?,
        issuer: row.text("issuer")?,
        serial_number: row.text("serial_number")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        der: row.text("der")?,
        key_uri: row.optional_text("key_uri")?,
        provider: row.text("provider")?,
        hardware: row.flag("hardware")?,
        exportable: row.flag("exportable")?,
        algorithm: row.optional_word("algorithm")?,
        connector_id: row.optional_text("connector_id")?,
        store: row.word("store")?,
        status: row.word("status")?,
        key_id: row.optional_text("key_id")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
