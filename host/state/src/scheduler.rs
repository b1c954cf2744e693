//! Scheduler settings, and what is in force.

use std::time::Duration;

use base::{Code, Diagnostic, Result, Timestamp};
use effect::Permit;
use serde::{Deserialize, Serialize};

use crate::leases::Lease;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::sync_runs::SyncRun;
use crate::writer::Writer;

words! {
    /// What a sync cycle looks at.
    pub enum PolicyType {
        /// What changed since the last cycle.
        Delta = "delta",
        /// Everything.
        Initial = "initial",
    }
}

/// The shortest interval that the cloud permits.
pub const ALLOWED_SYNC_CYCLE_INTERVAL: Duration = Duration::from_secs(30 * 60);

const PURGE_RUN_HISTORY_INTERVAL: Duration = Duration::from_secs(7 * 24 * 3600);

/// The lasting settings of a connector's scheduler. A pause never changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerSettings {
    /// The admin's interval, where there is one.
    pub customized_sync_cycle_interval: Option<Duration>,
    /// What the next cycle looks at.
    pub next_sync_cycle_policy_type: PolicyType,
    /// How long the records of sync runs are kept.
    pub purge_run_history_interval: Duration,
    /// Whether cycles are run.
    pub sync_cycle_enabled: bool,
    /// Whether certificates are renewed and history is purged.
    pub maintenance_enabled: bool,
    /// Whether exports are suppressed.
    pub staging_mode_enabled: bool,
    /// Whether the scheduler is suspended as a whole; not for admins.
    pub scheduler_suspended: bool,
}

impl SchedulerSettings {
    /// The interval that applies: the admin's, unless it is more frequent than allowed.
    pub fn effective_interval(&self) -> Duration {
        let customized = self.customized_sync_cycle_interval;
        customized.unwrap_or_default().max(ALLOWED_SYNC_CYCLE_INTERVAL)
    }
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            customized_sync_cycle_interval: None,
            next_sync_cycle_policy_type: PolicyType::Delta,
            purge_run_history_interval: PURGE_RUN_HISTORY_INTERVAL,
            sync_cycle_enabled: true,
            maintenance_enabled: true,
            staging_mode_enabled: false,
            scheduler_suspended: false,
        }
    }
}

/// What of the settings is to be changed; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of SchedulerSettings")]
pub struct SchedulerChange {
    pub customized_sync_cycle_interval: Option<Option<Duration>>,
    pub next_sync_cycle_policy_type: Option<PolicyType>,
    pub purge_run_history_interval: Option<Duration>,
    pub sync_cycle_enabled: Option<bool>,
    pub maintenance_enabled: Option<bool>,
    pub staging_mode_enabled: Option<bool>,
    pub scheduler_suspended: Option<bool>,
}

/// A connector's scheduler as it is now: settings, live leases, and what follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerState {
    /// The lasting settings.
    pub settings: SchedulerSettings,
    /// The live leases, oldest first; those of one run are nested pauses.
    pub leases: Vec<Lease>,
    /// The cycle in progress.
    pub in_progress: Option<SyncRun>,
    /// When the next cycle is due; none where no cycles are run.
    pub next_sync_cycle_start_time: Option<Timestamp>,
}

impl SchedulerState {
    /// Whether some run paused the scheduler.
    pub fn is_paused(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Whether the scheduler runs cycles by itself now: settings minus live leases.
    pub fn runs_cycles(&self) -> bool {
        self.settings.sync_cycle_enabled && !self.settings.scheduler_suspended && !self.is_paused()
    }
}

impl Store {
    /// The lasting settings of a connector's scheduler.
    ///
    /// # Errors
    /// `ConnectorUnknown`.
    pub async fn scheduler_settings(&self, connector_id: &str) -> Result<SchedulerSettings> {
        match self.row(select(connector_id)).await? {
            Some(row) => read(&row),
            None => Err(unknown(connector_id)),
        }
    }

    /// A connector's scheduler as it is now.
    ///
    /// # Errors
    /// `ConnectorUnknown`.
    pub async fn scheduler_state(&self, connector_id: &str) -> Result<SchedulerState> {
        let settings = self.scheduler_settings(connector_id).await?;
        let leases = self.live_leases(connector_id).await?;
        let last = self.last_sync_run(connector_id).await?;
        let due = last.as_ref().map_or(self.0.ports.clock.now(), |run| {
            run.started_at.plus(settings.effective_interval())
        });
        let mut state = SchedulerState {
            settings,
            leases,
            in_progress: self.sync_run_in_progress(connector_id).await?,
            next_sync_cycle_start_time: None,
        };
        state.next_sync_cycle_start_time = state.runs_cycles().then_some(due);
        Ok(state)
    }
}

impl Writer {
    /// Changes the lasting settings and answers them as they are then.
    ///
    /// # Errors
    /// `ConnectorUnknown`, or `CmdletParameter` where an interval is shorter than allowed.
    pub async fn set_scheduler(
        &self,
        _permit: Permit<'_>,
        connector_id: &str,
        wanted: SchedulerChange,
    ) -> Result<SchedulerSettings> {
        if let Some(Some(interval)) = wanted.customized_sync_cycle_interval
            && interval < ALLOWED_SYNC_CYCLE_INTERVAL
        {
            return Err(too_frequent(interval));
        }
        let mut change = self.begin().await?;
        let result = async {
            let Some(row) = change.row(select(connector_id)).await? else {
                return Err(unknown(connector_id));
            };
            let settings = changed(read(&row)?, wanted);
            change.execute(updated(connector_id, &settings)?).await?;
            Ok(settings)
        }
        .await;
        self.finish(change, result).await
    }
}

/// Inserts the default settings of a new connector.
pub(crate) fn defaults(connector_id: &str) -> Query {
    Query::new(
        "INSERT INTO schedulers (connector_id, next_sync_cycle_policy_type, \
         purge_run_history_interval, sync_cycle_enabled, maintenance_enabled, \
         staging_mode_enabled, scheduler_suspended) VALUES ($1, 'delta', $2, 1, 1, 0, 0)",
    )
    .bind(connector_id)
    .bind(i64::try_from(PURGE_RUN_HISTORY_INTERVAL.as_millis()).unwrap_or(i64::MAX))
}

fn select(connector_id: &str) -> Query {
    Query::new("SELECT * FROM schedulers WHERE connector_id = $1").bind(connector_id)
}

fn changed(mut settings: SchedulerSettings, wanted: SchedulerChange) -> SchedulerSettings {
    if let Some(interval) = wanted.customized_sync_cycle_interval {
        settings.customized_sync_cycle_interval = interval;
    }
    settings.next_sync_cycle_policy_type =
        wanted.next_sync_cycle_policy_type.unwrap_or(settings.next_sync_cycle_policy_type);
    settings.purge_run_history_interval =
        wanted.purge_run_history_interval.unwrap_or(settings.purge_run_history_interval);
    settings.sync_cycle_enabled = wanted.sync_cycle_enabled.unwrap_or(settings.sync_cycle_enabled);
    settings.maintenance_enabled =
        wanted.maintenance_enabled.unwrap_or(settings.maintenance_enabled);
    settings.staging_mode_enabled =
        wanted.staging_mode_enabled.unwrap_or(settings.staging_mode_enabled);
    settings.scheduler_suspended =
        wanted.scheduler_suspended.unwrap_or(settings.scheduler_suspended);
    settings
}

fn updated(connector_id: &str, settings: &SchedulerSettings) -> Result<Query> {
    let interval = settings.customized_sync_cycle_interval.map(millis).transpose()?;
    Ok(Query::new(
        "UPDATE schedulers SET customized_sync_cycle_interval = $2, \
         next_sync_cycle_policy_type = $3, purge_run_history_interval = $4, \
         sync_cycle_enabled = $5, maintenance_enabled = $6, staging_mode_enabled = $7, \
         scheduler_suspended = $8 WHERE connector_id = $1",
    )
    .bind(connector_id)
    .bind(interval)
    .bind(settings.next_sync_cycle_policy_type.as_str())
    .bind(millis(settings.purge_run_history_interval)?)
    .bind(settings.sync_cycle_enabled)
    .bind(settings.maintenance_enabled)
    .bind(settings.staging_mode_enabled)
    .bind(settings.scheduler_suspended))
}

fn millis(span: Duration) -> Result<i64> {
    i64::try_from(span.as_millis()).map_err(|_| crate::error::too_great("interval"))
}

fn too_frequent(interval: Duration) -> Diagnostic {
    Diagnostic::new(
        Code::CmdletParameter,
        format!("A sync cycle every {} s is more often than allowed", interval.as_secs()),
    )
    .next("Choose an interval of 30 minutes or more.")
}

fn unknown(connector_id: &str) -> Diagnostic {
    Diagnostic::new(Code::ConnectorUnknown, format!("There is no connector of id {connector_id}"))
        .next("Look which there are with: credwright connectors")
}

fn read(row: &Row) -> Result<SchedulerSettings> {
    let span = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    Ok(SchedulerSettings {
        customized_sync_cycle_interval: row
            .optional_number("customized_sync_cycle_interval")?
            .map(span),
        next_sync_cycle_policy_type: row.word("next_sync_cycle_policy_type")?,
        purge_run_history_interval: span(row.number("purge_run_history_interval")?),
        sync_cycle_enabled: row.flag("sync_cycle_enabled")?,
        maintenance_enabled: row.flag("maintenance_enabled")?,
        staging_mode_enabled: row.flag("staging_mode_enabled")?,
        scheduler_suspended: row.flag("scheduler_suspended")?,
    })
}
