//! `find_connectors`: lists the connectors of this host.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::views::ConnectorView;

/// The cmdlet `find_connectors`.
pub struct FindConnectors;

/// Answers an empty list where there is none.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Only connectors whose name begins with this.
    pub name: Option<String>,
}

impl Cmdlet for FindConnectors {
    const ABOUT: About = About {
        name: "find_connectors",
        summary: "List the connectors of this host",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["Get-ADSyncConnector", "list", "connectors"],
        see_also: &["get_connector_credential", "add_connector"],
        errors: &[],
        examples: &[
            Example {
                title: "Name every connector",
                script: "find_connectors().map(|connector| connector.name)",
                shows: Shows::Value(r#"["default"]"#),
            },
            Example {
                title: "Nothing matches",
                script: r#"find_connectors(#{ name: "warehouse" })"#,
                shows: Shows::Value("[]"),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = Vec<ConnectorView>;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Vec<ConnectorView>> {
        let prefix = parameters.name.unwrap_or_default();
        let connectors = call.store().find_connectors().await?;
        Ok(connectors
            .into_iter()
            .filter(|connector| connector.name.starts_with(&prefix))
            .map(ConnectorView::from)
            .collect())
    }
}
