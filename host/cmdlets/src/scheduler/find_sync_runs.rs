//! `find_sync_runs`: the synchronization cycles of a connector.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::SyncRunFilter;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::types::{Moment, limit};
use crate::views::SyncRunView;

/// The cmdlet `find_sync_runs`.
pub struct FindSyncRuns;

/// Latest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// Only cycles that started at this moment or later.
    pub since: Option<Moment>,
    /// At most so many.
    #[serde(default = "hundred")]
    pub limit: i64,
}

fn hundred() -> i64 {
    100
}

impl Cmdlet for FindSyncRuns {
    const ABOUT: About = About {
        name: "find_sync_runs",
        summary: "List the synchronization cycles of a connector, latest first",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["Get-ADSyncRunProfileResult", "history", "cycles"],
        see_also: &["start_sync_cycle", "get_scheduler"],
        errors: &[(base::Code::ConnectorUnknown, "there is no such connector")],
        examples: &[
            Example {
                title: "A connector that has not run yet",
                script: r#"find_sync_runs(#{ connector: "default" })"#,
                shows: Shows::Value("[]"),
            },
            Example {
                title: "How the last cycle ended",
                script: r#"start_sync_cycle(#{ connector: "default" });
find_sync_runs(#{ connector: "default", limit: 1 })[0].result"#,
                shows: Shows::Value(r#""success""#),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = Vec<SyncRunView>;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Vec<SyncRunView>> {
        let connector = call.connector(&parameters.connector).await?;
        let filter = SyncRunFilter {
            connector_id: Some(connector.id),
            since: parameters.since.map(|since| since.0),
            limit: Some(limit(parameters.limit)?),
        };
        let runs = call.store().find_sync_runs(&filter).await?;
        Ok(runs.into_iter().map(SyncRunView::from).collect())
    }
}
