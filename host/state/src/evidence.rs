//! Evidence: that a credential worked. Removals are allowed or refused by it.

use base::{Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::of_host;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

words! {
    /// What was seen to work.
    pub enum EvidenceKind {
        /// A token was had with the credential, and it had the roles.
        Token = "token",
        /// A sync cycle ended well with the credential.
        SyncCycle = "sync_cycle",
    }
}

/// That a credential worked at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Counts the evidence of this state, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// What was seen to work.
    pub kind: EvidenceKind,
    /// The connector.
    pub connector_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The application's client id.
    pub app_id: String,
    /// The service principal's object id.
    pub principal_id: String,
    /// The key credential.
    pub key_id: String,
    /// The certificate, upper hex.
    pub certificate_sha256: String,
    /// The private key that signed.
    pub key_uri: String,
    /// The host that it worked on.
    pub host: String,
    /// The run that saw it.
    pub run: String,
    /// What exactly was seen, for people: roles, or the job's label (`token-only`).
    pub detail: String,
}

/// Evidence to record. See [`Evidence`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Evidence")]
pub struct NewEvidence {
    pub kind: EvidenceKind,
    pub connector_id: String,
    pub tenant_id: String,
    pub app_id: String,
    pub principal_id: String,
    pub key_id: String,
    pub certificate_sha256: String,
    pub key_uri: String,
    pub detail: String,
}

/// Which evidence is wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceFilter {
    /// Of this connector.
    pub connector_id: Option<String>,
    /// In this tenant.
    pub tenant_id: Option<String>,
    /// Of this application.
    pub app_id: Option<String>,
    /// With this key credential.
    pub key_id: Option<String>,
    /// With this certificate.
    pub certificate_sha256: Option<String>,
    /// Of this kind.
    pub kind: Option<EvidenceKind>,
    /// Seen by this run.
    pub run: Option<String>,
    /// With a greater sequence.
    pub after: Option<i64>,
}

impl Store {
    /// The evidence that matches, oldest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_evidence(&self, filter: &EvidenceFilter) -> Result<Vec<Evidence>> {
        let query = Query::new(
            "SELECT * FROM evidence WHERE ($1 IS NULL OR connector_id = $1) \
             AND ($2 IS NULL OR tenant_id = $2) AND ($3 IS NULL OR app_id = $3) \
             AND ($4 IS NULL OR key_id = $4) AND ($5 IS NULL OR certificate_sha256 = $5) \
             AND ($6 IS NULL OR kind = $6) AND ($7 IS NULL OR run = $7) \
             AND ($8 IS NULL OR sequence > $8) ORDER BY sequence",
        )
        .bind(filter.connector_id.as_deref())
        .bind(filter.tenant_id.as_deref())
        .bind(filter.app_id.as_deref())
        .bind(filter.key_id.as_deref())
        .bind(filter.certificate_sha256.as_deref())
        .bind(filter.kind.map(EvidenceKind::as_str))
        .bind(filter.run.as_deref())
        .bind(filter.after);
        self.rows(query).await?.iter().map(read).collect()
    }
}

impl Writer {
    /// Records evidence that this run saw.
    ///
    /// # Errors
    /// As the database says.
    pub async fn record_evidence(&self, new: NewEvidence) -> Result<Evidence> {
        let mut evidence = Evidence {
            sequence: 0,
            at: self.now(),
            kind: new.kind,
            connector_id: new.connector_id,
            tenant_id: new.tenant_id,
            app_id: new.app_id,
            principal_id: new.principal_id,
            key_id: new.key_id,
            certificate_sha256: new.certificate_sha256,
            key_uri: new.key_uri,
            host: self.store().0.ports.process.host_name(),
            run: self.run().0.clone(),
            detail: new.detail,
        };
        let mut change = self.begin().await?;
        let result = async {
            evidence.sequence = change.numbers("evidence", 1).await?;
            let row = change.row(inserted(&evidence)).await?;
            let sandbox = row.map(|row| row.flag("sandbox")).transpose()?.unwrap_or(false);
            let record = audited(&evidence, sandbox);
            self.link(&mut change, of_host::EVIDENCE, evidence.sequence, &record).await?;
            Ok(evidence)
        }
        .await;
        self.finish(change, result).await
    }
}

fn inserted(evidence: &Evidence) -> Query {
    Query::new(
        "INSERT INTO evidence (sequence, at, kind, connector_id, tenant_id, app_id, \
         principal_id, key_id, certificate_sha256, key_uri, host, run, detail, sandbox) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
         COALESCE((SELECT sandbox FROM connectors WHERE id = $4), 0)) RETURNING sandbox",
    )
    .bind(evidence.sequence)
    .bind(evidence.at)
    .bind(evidence.kind.as_str())
    .bind(&evidence.connector_id)
    .bind(&evidence.tenant_id)
    .bind(&evidence.app_id)
    .bind(&evidence.principal_id)
    .bind(&evidence.key_id)
    .bind(&evidence.certificate_sha256)
    .bind(&evidence.key_uri)
    .bind(&evidence.host)
    .bind(&evidence.run)
    .bind(&evidence.detail)
}

/// Evidence as the audit chain knows it. A new member must be left out where it says nothing, or
/// the digests of older evidence no longer fit.
fn audited(evidence: &Evidence, sandbox: bool) -> Value {
    let mut value = json!(evidence);
    value["sandbox"] = sandbox.into();
    value
}

/// The evidence of a row, as the audit chain knows it.
pub(crate) fn read_audited(row: &Row) -> Result<Value> {
    Ok(audited(&read(row)?, row.flag("sandbox")?))
}

fn read(row: &Row) -> Result<Evidence> {
    Ok(Evidence {
        sequence: row.number("sequence")?,
        at: row.time("at")?,
        kind: row.word("kind")?,
        connector_id: row.text("connector_id")?,
        tenant_id: row.text("tenant_id")?,
        app_id: row.text("app_id")?,
        principal_id: row.text("principal_id")?,
        key_id: row.text("key_id")?,
        certificate_sha256: row.text("certificate_sha256")?,
        key_uri: row.text("key_uri")?,
        host: row.text("host")?,
        run: row.text("run")?,
        detail: row.text("detail")?,
    })
}
