//! `get_connector_credential`: what a connector signs in with.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::views::CredentialView;

/// The cmdlet `get_connector_credential`.
pub struct GetConnectorCredential;

/// Reads what this host knows; it asks nothing of the tenant.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

impl Cmdlet for GetConnectorCredential {
    const ABOUT: About = About {
        name: "get_connector_credential",
        summary: "Get what a connector signs in with",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["Get-ADSyncEntraConnectorCredential", "identity", "certificate", "view"],
        see_also: &["test_credential", "get_certificate"],
        errors: &[(base::Code::ConnectorUnknown, "there is no such connector")],
        examples: &[
            Example {
                title: "Ask whether a connector still uses a password",
                script: r#"get_connector_credential(#{ connector: "default" }).identity_type"#,
                shows: Shows::Value(r#""ServiceAccount""#),
            },
            Example {
                title: "A misspelt connector",
                script: r#"get_connector_credential(#{ connector: "defualt" })"#,
                shows: Shows::Failure(base::Code::ConnectorUnknown),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = CredentialView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<CredentialView> {
        let connector = call.connector(&parameters.connector).await?;
        CredentialView::of(call.store(), connector, call.now()).await
    }
}
