//! `find_events`: the events of this host.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::EventFilter;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::types::{Moment, limit};
use crate::views::EventView;

/// The cmdlet `find_events`.
pub struct FindEvents;

/// Oldest first. Ids that Microsoft gave a meaning keep it (1011, 1012, 1014, 2622 to 2626); the host's
/// own begin at 4000.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Only events about this connector.
    pub connector: Option<String>,
    /// Only events with this id.
    pub event_id: Option<i64>,
    /// Only events of this level.
    pub level: Option<Level>,
    /// Only events at this moment or later.
    pub since: Option<Moment>,
    /// At most so many, the latest.
    #[serde(default = "hundred")]
    pub limit: i64,
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the record.
    Information,
    /// Something needs attention soon.
    Warning,
    /// Something is wrong.
    Error,
}

fn hundred() -> i64 {
    100
}

impl Cmdlet for FindEvents {
    const ABOUT: About = About {
        name: "find_events",
        summary: "List the events of this host, oldest first",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["Get-WinEvent", "Get-EventLog", "log", "1014", "2622"],
        see_also: &["find_sync_runs"],
        errors: &[(base::Code::ConnectorUnknown, "there is no such connector")],
        examples: &[Example {
            title: "Warnings of a connector",
            script: r#"find_events(#{ connector: "default", level: "warning" })"#,
            shows: Shows::Value("[]"),
        }],
    };

    type Parameters = Parameters;
    type Output = Vec<EventView>;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Vec<EventView>> {
        let connector_id = match &parameters.connector {
            Some(name) => Some(call.connector(name).await?.id),
            None => None,
        };
        let filter = EventFilter {
            connector_id,
            event_id: parameters.event_id,
            since: parameters.since.map(|since| since.0),
            level: parameters.level.map(|level| match level {
                Level::Information => state::EventLevel::Information,
                Level::Warning => state::EventLevel::Warning,
                Level::Error => state::EventLevel::Error,
            }),
            run: None,
            limit: Some(limit(parameters.limit)?),
        };
        let names: Vec<(String, String)> = call
            .store()
            .find_connectors()
            .await?
            .into_iter()
            .map(|connector| (connector.id, connector.name))
            .collect();
        let events = call.store().find_events(&filter).await?;
        Ok(events.into_iter().map(|event| EventView::of(event, &names)).collect())
    }
}
