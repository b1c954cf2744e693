//! `set_connector`: changes what this host knows of a connector.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{ConnectorChange, ServiceAccount};

use super::add_connector::{account_password, client_id, seal_password};
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::scheduling::require_no_other_lease;
use crate::sync_job::{self, JobParameters};
use crate::views::ConnectorView;

/// The cmdlet `set_connector`.
pub struct SetConnector;

/// What is not given stays. The tenant of a connector cannot be changed, and what it signs in as is
/// changed by linking, not here. Nothing in the tenant is touched.
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
    /// The public client that the account signs in with.
    pub client_id: Option<String>,
    /// What a synchronization cycle does.
    pub sync_job: Option<JobParameters>,
    /// The account of this machine that a command runs as.
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
            client_id: parameters.client_id.as_deref().map(client_id).transpose()?.map(Some),
            sync_job: parameters.sync_job.map(sync_job::chosen).transpose()?,
            run_as: parameters.run_as.map(Some),
            ..ConnectorChange::default()
        };
        if change == ConnectorChange::default() {
            return Err(Diagnostic::new(Code::CmdletParameter, "set_connector: nothing is to be changed")
                .next("See what can be: credwright help set_connector"));
        }
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

/// A password that was replaced is gone; everything else can be set back.
fn undo(before: &state::Connector, change: &ConnectorChange) -> Undo {
    if change.service_account.is_some() {
        return Undo::irreversible("the password that was kept before is not kept any longer");
    }
    let now = change.name.as_ref().unwrap_or(&before.name);
    let mut arguments = json!({ "connector": now });
    if change.name.is_some() {
        arguments["name"] = json!(before.name);
    }
    if change.client_id.is_some() {
        arguments["client_id"] = json!(before.client_id);
    }
    if change.sync_job.is_some() {
        arguments["sync_job"] = json!(sync_job::parameters_of(&before.sync_job));
    }
    if change.run_as.is_some() {
        arguments["run_as"] = json!(before.run_as);
    }
    Undo::cmdlet("set_connector", arguments)
}
