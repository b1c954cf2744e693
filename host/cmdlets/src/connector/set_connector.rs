//! `set_connector`: changes what this host knows of a connector.

use base::codes::Kind;
use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Connector, ConnectorChange, IdentityType, ServiceAccount};

use super::add_connector::{account_password, client_id, seal_password};
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::scheduling::require_no_other_lease;
use crate::sign_in;
use crate::sync_job::{self, JobParameters};
use crate::views::ConnectorView;

/// The cmdlet `set_connector`.
pub struct SetConnector;

/// What is not given stays. The tenant of a connector cannot be changed, and what it signs in as is
/// changed by linking, not here. Nothing in the tenant is touched. While the connector signs in as its
/// service account, another account, password or client takes its place only once a token proves that
/// it works.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// Its new name.
    pub name: Option<String>,
    /// Another service account; its password is read from `password_file`, or asked for.
    pub service_account: Option<String>,
    /// A file whose first line is the account's password, readable by this user alone.
    pub password_file: Option<String>,
    /// The public client that the account signs in with; an empty text for Entra Connect's.
    pub client_id: Option<String>,
    /// What a synchronization cycle does.
    pub sync_job: Option<JobParameters>,
    /// The account of this machine that a command runs as; an empty text for the one that runs this.
    pub run_as: Option<String>,
}

impl Cmdlet for SetConnector {
    const ABOUT: About = About {
        name: "set_connector",
        summary: "Change what this host knows of a connector",
        effect: Effect::Change(Change {
            target: Target::Connector,
            action: "set",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        search_terms: &["update", "rename", "sync job", "password"],
        see_also: &["add_connector", "find_connectors"],
        errors: &[
            (Code::ConnectorUnknown, "there is no such connector"),
            (Code::ConnectorExists, "the new name is taken"),
            (Code::SchedulerBusy, "another run paused its scheduler"),
            (Code::CmdletParameter, "nothing is to be changed"),
            (Code::CredentialTest, "the new account would not work, and the connector signs in with it"),
        ],
        examples: &[
            Example {
                title: "Let a program do the synchronization",
                script: r#"set_connector(#{ connector: "default", sync_job: #{ kind: "command", words: ["/bin/true"] } }).sync_job"#,
                shows: Shows::Value(r#""command""#),
            },
            Example {
                title: "Nothing to change",
                script: r#"set_connector(#{ connector: "default" })"#,
                shows: Shows::Failure(Code::CmdletParameter),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = ConnectorView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<ConnectorView> {
        let before = before(call, &parameters.connector).await?;
        require_no_other_lease(call, &before).await?;
        let upn = parameters.service_account.clone().or_else(|| {
            let own = before.service_account.as_ref().map(|account| account.upn.clone());
            own.filter(|_| parameters.password_file.is_some())
        });
        let account = match upn {
            None => None,
            Some(upn) => {
                let password = account_password(call, &upn, parameters.password_file.as_deref());
                let sealed = seal_password(call, &upn, &password.await?)?;
                Some(Some(ServiceAccount { upn, object_id: None, password: Some(sealed) }))
            }
        };
        let change = ConnectorChange {
            name: parameters.name,
            service_account: account,
            client_id: parameters.client_id.as_deref().map(client_or_none).transpose()?,
            sync_job: parameters.sync_job.map(sync_job::chosen).transpose()?,
            run_as: parameters.run_as.map(|account| Some(account).filter(|name| !name.is_empty())),
            ..ConnectorChange::default()
        };
        if change == ConnectorChange::default() {
            return Err(Diagnostic::new(Code::CmdletParameter, "set_connector: nothing is to be changed")
                .next("See what can be: credwright help set_connector"));
        }
        prove(call, &before, &change).await?;
        let intent = StepIntent {
            name: "set_connector".to_owned(),
            summary: format!("change the connector '{}'", before.name),
            marker: json!({ "connector_id": before.id, "changed_at": before.changed_at }),
            undo: undo(&before, &change),
        };
        let look = async || {
            let now = call.store().find_connector(&before.id).await?;
            let changed = now.filter(|now| now.changed_at != before.changed_at);
            Ok(changed.map(ConnectorView::from))
        };
        call.step(intent, look, async |permit| {
            let changed = call.writer().set_connector(permit, &before.id, change.clone()).await?;
            Ok(ConnectorView::from(changed))
        })
        .await
    }
}

/// The connector as it was before the change: an interrupted change may have renamed it already.
async fn before(call: &Call<'_>, name: &str) -> Result<state::Connector> {
    let named = async || {
        let connector = call.connector(name).await?;
        Ok((connector.id, connector.changed_at))
    };
    let (id, changed_at) = call.open.chosen("before", named).await?;
    match call.store().find_connector(&id).await? {
        Some(now) => Ok(state::Connector { changed_at, ..now }),
        None => call.connector(name).await,
    }
}

/// A client's id; an empty text stands for none.
fn client_or_none(text: &str) -> Result<Option<String>> {
    if text.is_empty() { Ok(None) } else { client_id(text).map(Some) }
}

/// What the connector signs in with now is replaced only by what gets a token itself (rule I1).
async fn prove(call: &Call<'_>, before: &Connector, change: &ConnectorChange) -> Result<()> {
    let signs = before.identity_type == IdentityType::ServiceAccount
        && before.service_account.as_ref().is_some_and(|account| account.password.is_some());
    if !signs || (change.service_account.is_none() && change.client_id.is_none()) {
        return Ok(());
    }
    let (_, tenant) = call.connector_in_view(&before.name).await?;
    let mut after = before.clone();
    if let Some(account) = &change.service_account {
        after.service_account.clone_from(account);
    }
    if let Some(client_id) = &change.client_id {
        after.client_id.clone_from(client_id);
    }
    let credential = sign_in::service_account(call.context, &after)?;
    let token = call
        .with_session(&tenant, async |session| {
            sign_in::synchronization_token(session, &credential).await
        })
        .await;
    match token {
        Ok(_) => Ok(()),
        Err(error) if error.code.kind() == Kind::Unavailable => Err(error),
        Err(error) => Err(refused(before, error)),
    }
}

fn refused(before: &Connector, error: Diagnostic) -> Diagnostic {
    let name = &before.name;
    let next = error.next.clone().unwrap_or_else(|| {
        format!("See what it signs in with: get_connector_credential(#{{ connector: \"{name}\" }})")
    });
    let message = format!("The connector '{name}' would be locked out: the new account does not work");
    let mut refused = Diagnostic::new(Code::CredentialTest, message)
        .meaning("Nothing was changed: it signs in as before.")
        .next(next)
        .cause(&error);
    refused.remote = error.remote;
    refused
}

/// A password that was replaced is gone; everything else can be set back.
fn undo(before: &Connector, change: &ConnectorChange) -> Undo {
    if change.service_account.is_some() {
        return Undo::irreversible("the password that was kept before is not kept any longer");
    }
    let now = change.name.as_ref().unwrap_or(&before.name);
    let mut arguments = json!({ "connector": now });
    if change.name.is_some() {
        arguments["name"] = json!(before.name);
    }
    if change.client_id.is_some() {
        arguments["client_id"] = json!(before.client_id.as_deref().unwrap_or_default());
    }
    if change.sync_job.is_some() {
        arguments["sync_job"] = json!(sync_job::parameters_of(&before.sync_job));
    }
    if change.run_as.is_some() {
        arguments["run_as"] = json!(before.run_as.as_deref().unwrap_or_default());
    }
    Undo::cmdlet("set_connector", arguments)
}
