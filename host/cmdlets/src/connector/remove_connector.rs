//! `remove_connector`: makes this host forget a connector.

use base::{Code, Diagnostic, Result};
use effect::{Change, Circumstance, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Connector, IdentityType};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;

/// The cmdlet `remove_connector`.
pub struct RemoveConnector;

/// Nothing in the tenant is touched: account, application and key credentials stay as they are, and so do
/// the events of the connector. This host forgets how it signs in, the sealed password included, so
/// the connector's name must be confirmed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

/// What was forgotten.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The connector.
    pub connector: String,
    /// Whether it was known.
    pub removed: bool,
}

impl Cmdlet for RemoveConnector {
    const ABOUT: About = About {
        name: "remove_connector",
        summary: "Make this host forget a connector",
        effect: Effect::Change(Change {
            target: Target::Connector,
            action: "remove",
            impact: Impact::High,
        }),
        replay: Replay::Recorded,
        search_terms: &["delete", "forget", "connector"],
        see_also: &["add_connector", "find_connectors"],
        errors: &[
            (Code::ConnectorUnknown, "there is no such connector"),
            (Code::ConnectorState, "it is taken back, and another run moved the connector to an application"),
            (Code::EffectNotConfirmed, "its name was not confirmed"),
            (Code::SchedulerBusy, "another run paused its scheduler"),
        ],
        examples: &[Example {
            title: "Forget a connector that is no longer run here",
            script: r#"remove_connector(#{ connector: "default" }).removed"#,
            shows: Shows::Value("true"),
        }],
    };

    type Parameters = Parameters;
    type Output = Output;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Output> {
        let name = parameters.connector;
        // An interrupted removal may have removed it already.
        let named = async || Ok(call.connector(&name).await?.id);
        let id = call.open.chosen("connector_id", named).await?;
        if let Some(connector) = call.store().find_connector(&id).await? {
            crate::scheduling::require_no_other_lease(call, &connector).await?;
            if call.open.circumstance() == Circumstance::Undone {
                require_no_application(&connector)?;
            }
        }
        let intent = StepIntent {
            name: "remove_connector".to_owned(),
            summary: format!("forget the connector '{name}'"),
            marker: json!({ "connector_id": id }),
            undo: Undo::irreversible("its sealed password is not kept any longer"),
        };
        let removed = || Output { connector: name.clone(), removed: true };
        let look = async || {
            Ok(call.store().find_connector(&id).await?.is_none().then(removed))
        };
        call.step(intent, look, async |permit| {
            call.writer().remove_connector(permit, &id).await?;
            Ok(removed())
        })
        .await
    }
}

/// Taking back that a connector was added must not take away what another run made of it since: its
/// application and key would be left without a record.
fn require_no_application(connector: &Connector) -> Result<()> {
    let Connector { name, .. } = connector;
    match connector.identity_type {
        IdentityType::ServiceAccount => Ok(()),
        IdentityType::Application => Err(Diagnostic::new(
            Code::ConnectorState,
            format!("Another run moved the connector '{name}' to an application meanwhile"),
        )
        .meaning("Without its record nobody would know of its application and its key.")
        .next("Look at what it is with: credwright connectors")),
    }
}
