//! `add_connector`: makes a connector known to this host.

use base::disk::FileKind;
use base::{Code, Diagnostic, Result, SecretText};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{NewConnector, SealedText, ServiceAccount};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::sign_in;
use crate::sync_job::{self, JobParameters};
use crate::views::ConnectorView;

/// A file that is longer holds something else than a password; in bytes.
const LONGEST_PASSWORD_FILE: u64 = 64 * 1024;

/// The cmdlet `add_connector`.
pub struct AddConnector;

/// The connector belongs to the tenant in view, for good. It signs in as the service account until an
/// application is linked. The account's password is read from `password_file`, or asked for; it is
/// sealed before it is kept, and never shown. Nothing in the tenant is touched.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Its name: 1 to 64 characters.
    pub connector: String,
    /// User principal name of the service account that it signs in as today.
    pub service_account: Option<String>,
    /// A file whose first line is the account's password, readable by this user alone.
    pub password_file: Option<String>,
    /// The public client that the account signs in with, where it is not Entra Connect's.
    pub client_id: Option<String>,
    /// What a synchronization cycle does: nothing but to prove tokens, a Rhai script, or a command.
    #[serde(default)]
    pub sync_job: JobParameters,
    /// The account of this machine that a command runs as; only root may name another one.
    pub run_as: Option<String>,
}

impl Cmdlet for AddConnector {
    const ABOUT: About = About {
        name: "add_connector",
        summary: "Make a connector known to this host",
        effect: Effect::Change(Change {
            target: Target::Connector,
            action: "add",
            impact: Impact::Low,
        }),
        replay: Replay::Recorded,
        search_terms: &["new", "register", "connector"],
        see_also: &["set_connector", "remove_connector", "find_connectors"],
        errors: &[
            (Code::ConnectorExists, "there is a connector of that name"),
            (Code::KeyPermissions, "the password file is readable by others"),
        ],
        examples: &[
            Example {
                title: "A connector that has no account yet",
                script: r#"add_connector(#{ connector: "warehouse" }).identity_type"#,
                shows: Shows::Value(r#""ServiceAccount""#),
            },
            Example {
                title: "The name is taken",
                script: r#"add_connector(#{ connector: "default" })"#,
                shows: Shows::Failure(Code::ConnectorExists),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = ConnectorView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<ConnectorView> {
        let tenant = call.context.tenants.open().await?;
        let name = &parameters.connector;
        let id = call.new_id("connector_id").await?;
        let intent = StepIntent {
            name: "add_connector".to_owned(),
            summary: format!("add the connector '{name}' of the tenant {}", tenant.name),
            marker: json!({ "connector_id": id }),
            undo: Undo::cmdlet("remove_connector", json!({ "connector": name })),
        };
        // Before anybody types a password for nothing; after an interruption it may be there already.
        if !call.open.was_begun(&intent) {
            call.store().check_new_name(name).await?;
        }
        let client_id = parameters.client_id.as_deref().map(client_id).transpose()?;
        let job = sync_job::chosen(parameters.sync_job)?;
        let account = match &parameters.service_account {
            None => None,
            Some(upn) => {
                let password = account_password(call, upn, parameters.password_file.as_deref());
                let sealed = seal_password(call, upn, &password.await?)?;
                Some(ServiceAccount { upn: upn.clone(), object_id: None, password: Some(sealed) })
            }
        };
        let new = NewConnector {
            id,
            name: name.clone(),
            tenant_id: tenant.id.clone(),
            tenant_name: tenant.name.clone(),
            sandbox: tenant.sandbox,
            service_account: account,
            client_id,
            sync_job: job,
            run_as: parameters.run_as,
        };
        let look = async || {
            Ok(call.store().find_connector(&new.id).await?.map(ConnectorView::from))
        };
        call.step(intent, look, async |permit| {
            call.writer().add_connector(permit, new.clone()).await.map(ConnectorView::from)
        })
        .await
    }
}

/// A public client's id, as it is recorded.
pub(crate) fn client_id(text: &str) -> Result<String> {
    Ok(sign_in::guid(text, "client_id")?.to_string())
}

/// What a sealed password is bound to, so that it cannot be put under another account.
pub(crate) fn password_context(upn: &str) -> String {
    format!("password of {}", upn.to_lowercase())
}

/// Seals an account's password for its record.
pub(crate) fn seal_password(
    call: &Call<'_>,
    upn: &str,
    password: &SecretText,
) -> Result<SealedText> {
    call.context.vault.seal(password, &password_context(upn)).map(SealedText)
}

/// The password of an account, from a file or by asking.
pub(crate) async fn account_password(
    call: &Call<'_>,
    upn: &str,
    file: Option<&str>,
) -> Result<SecretText> {
    let Some(file) = file else { return call.context.passwords.password(upn).await };
    let disk = &call.context.ports.disk;
    let path = std::path::Path::new(file);
    let unreadable = |error: std::io::Error| {
        Diagnostic::new(Code::DiskFailed, format!("The password file {file} cannot be read"))
            .source(&error)
            .next("Name a file that holds the password in its first line.")
    };
    let status = disk.status(path).map_err(unreadable)?;
    if status.kind != FileKind::File || status.length > LONGEST_PASSWORD_FILE {
        let other = format!("{file} is no file that holds a password");
        return Err(Diagnostic::new(Code::ConfigurationInvalid, other).next(
            "Name a plain file (no link) that holds the password in its first line.",
        ));
    }
    if status.mode & 0o077 != 0 {
        let open = format!("The password file {file} is readable by others (mode {:o})", status.mode);
        return Err(Diagnostic::new(Code::KeyPermissions, open)
            .next(format!("Close it, and change the password if others may have read it: chmod 600 {file}")));
    }
    let bytes = base::SecretBytes::new(disk.read(path).map_err(unreadable)?);
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| {
        Diagnostic::new(Code::ConfigurationInvalid, format!("The password file {file} is no text"))
    })?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(SecretText::new(password)),
        _ => Err(Diagnostic::new(
            Code::ConfigurationInvalid,
            format!("The first line of the password file {file} is empty"),
        )),
    }
}
