//! A connector as a row.

use base::Result;

use super::{Algorithm, Application, Connector, Mode, SealedText, ServiceAccount};
use crate::query::{Query, Row};

pub(super) const INSERT: &str = "INSERT INTO connectors (id, name, tenant_id, tenant_name, sandbox, \
    identity_type, account_upn, account_object_id, account_password, client_id, mode, app_id, \
    app_object_id, app_principal_id, app_display_name, app_key_id, certificate_sha256, key_uri, \
    algorithm, sync_job, run_as, created_at, changed_at, activated_at) VALUES ($1, $2, $3, $4, \
    $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";

pub(super) const UPDATE: &str = "UPDATE connectors SET name = $2, tenant_id = $3, tenant_name = $4, \
    sandbox = $5, identity_type = $6, account_upn = $7, account_object_id = $8, \
    account_password = $9, client_id = $10, mode = $11, app_id = $12, app_object_id = $13, \
    app_principal_id = $14, app_display_name = $15, app_key_id = $16, certificate_sha256 = $17, \
    key_uri = $18, algorithm = $19, sync_job = $20, run_as = $21, created_at = $22, \
    changed_at = $23, activated_at = $24 WHERE id = $1";

/// Binds a connector to [`INSERT`] or [`UPDATE`].
pub(super) fn written(query: Query, connector: &Connector) -> Result<Query> {
    let account = connector.service_account.as_ref();
    let password = account.and_then(|account| account.password.as_ref());
    let application = connector.application.as_ref();
    Ok(query
        .bind(&connector.id)
        .bind(&connector.name)
        .bind(&connector.tenant_id)
        .bind(&connector.tenant_name)
        .bind(connector.sandbox)
        .bind(connector.identity_type.as_str())
        .bind(account.map(|account| account.upn.as_str()))
        .bind(account.and_then(|account| account.object_id.as_deref()))
        .bind(password.map(|password| password.0.as_str()))
        .bind(connector.client_id.as_deref())
        .bind(connector.mode.map(Mode::as_str))
        .bind(application.map(|application| application.app_id.as_str()))
        .bind(application.map(|application| application.object_id.as_str()))
        .bind(application.map(|application| application.principal_id.as_str()))
        .bind(application.map(|application| application.display_name.as_str()))
        .bind(application.map(|application| application.key_id.as_str()))
        .bind(connector.certificate_sha256.as_deref())
        .bind(connector.key_uri.as_deref())
        .bind(connector.algorithm.map(Algorithm::as_str))
        .bind_json(&connector.sync_job)?
        .bind(connector.run_as.as_deref())
        .bind(connector.created_at)
        .bind(connector.changed_at)
        .bind(connector.activated_at))
}

pub(super) fn read(row: &Row) -> Result<Connector> {
    let service_account = match row.optional_text("account_upn")? {
        None => None,
        Some(upn) => Some(ServiceAccount {
            upn,
            object_id: row.optional_text("account_object_id")?,
            password: row.optional_text("account_password")?.map(SealedText),
        }),
    };
    let application = match row.optional_text("app_id")? {
        None => None,
        Some(app_id) => Some(Application {
            app_id,
            object_id: row.text("app_object_id")?,
            principal_id: row.text("app_principal_id")?,
            display_name: row.text("app_display_name")?,
            key_id: row.text("app_key_id")?,
        }),
    };
    Ok(Connector {
        id: row.text("id")?,
        name: row.text("name")?,
        tenant_id: row.text("tenant_id")?,
        tenant_name: row.text("tenant_name")?,
        sandbox: row.flag("sandbox")?,
        identity_type: row.word("identity_type")?,
        service_account,
        client_id: row.optional_text("client_id")?,
        mode: row.optional_word("mode")?,
        application,
        certificate_sha256: row.optional_text("certificate_sha256")?,
        key_uri: row.optional_text("key_uri")?,
        algorithm: row.optional_word("algorithm")?,
        sync_job: row.json("sync_job")?,
        run_as: row.optional_text("run_as")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        activated_at: row.optional_time("activated_at")?,
        evidence_after: row.number("evidence_after")?,
    })
}
