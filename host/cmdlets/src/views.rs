//! Records as scripts see them: flat, in the field's words, and without a secret.

use base::{Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::{Certificate, Connector, Event, IdentityType, SchedulerState, Store, SyncJob, SyncRun};

use crate::types::{Moment, Span};

/// A connector.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectorView {
    /// Its name.
    pub name: String,
    /// The tenant, for good.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is a sandbox.
    pub sandbox: bool,
    /// `ServiceAccount` or `Application`.
    pub identity_type: String,
    /// `managed`, `byoc` or `byoa`, once an application is linked.
    pub mode: Option<String>,
    /// User principal name of the service account.
    pub service_account: Option<String>,
    /// Client id of the application.
    pub app_id: Option<String>,
    /// SHA-256 of the certificate, upper hex.
    pub certificate_sha256: Option<String>,
    /// What a synchronization cycle does: `builtin`, `script` or `command`.
    pub sync_job: String,
    /// The account of this machine that a command runs as.
    pub run_as: Option<String>,
    /// When it was added.
    pub created_at: Moment,
    /// When anything of it was changed last.
    pub changed_at: Moment,
}

impl From<Connector> for ConnectorView {
    fn from(connector: Connector) -> Self {
        let sync_job = match connector.sync_job {
            SyncJob::Builtin => "builtin",
            SyncJob::Script { .. } => "script",
            SyncJob::Command { .. } => "command",
        };
        Self {
            name: connector.name,
            tenant_id: connector.tenant_id,
            tenant_name: connector.tenant_name,
            sandbox: connector.sandbox,
            identity_type: connector.identity_type.to_string(),
            mode: connector.mode.map(|mode| mode.to_string()),
            service_account: connector.service_account.map(|account| account.upn),
            app_id: connector.application.map(|application| application.app_id),
            certificate_sha256: connector.certificate_sha256,
            sync_job: sync_job.to_owned(),
            run_as: connector.run_as,
            created_at: connector.created_at.into(),
            changed_at: connector.changed_at.into(),
        }
    }
}

/// What a connector signs in with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CredentialView {
    /// The connector.
    pub connector: String,
    /// `ServiceAccount` or `Application`.
    pub identity_type: String,
    /// `managed`, `byoc` or `byoa`, once an application is linked.
    pub mode: Option<String>,
    /// The tenant.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is a sandbox.
    pub sandbox: bool,
    /// User principal name of the service account.
    pub service_account: Option<String>,
    /// Name of the application.
    pub application_name: Option<String>,
    /// Client id of the application.
    pub app_id: Option<String>,
    /// Object id of the application.
    pub application_id: Option<String>,
    /// Object id of its service principal.
    pub principal_id: Option<String>,
    /// The key credential that it signs in with.
    pub key_id: Option<String>,
    /// SHA-256 of the certificate, upper hex.
    pub certificate_sha256: Option<String>,
    /// SHA-1 of the certificate, upper hex.
    pub thumbprint: Option<String>,
    /// Subject of the certificate.
    pub subject: Option<String>,
    /// What keeps the private key.
    pub provider: Option<String>,
    /// Whether hardware keeps the private key.
    pub hardware: Option<bool>,
    /// URI of the private key.
    pub key_uri: Option<String>,
    /// How client assertions are signed: `PS256` or `RS256`.
    pub algorithm: Option<String>,
    /// When the certificate begins to be valid.
    pub not_before: Option<Moment>,
    /// When the certificate ceases to be valid.
    pub not_after: Option<Moment>,
    /// Whole days until the certificate ceases to be valid; negative once it did.
    pub days_left: Option<i64>,
    /// When the credential became the active one.
    pub activated_at: Option<Moment>,
}

impl CredentialView {
    /// What `connector` signs in with, as this host's records say.
    ///
    /// # Errors
    /// As the database says.
    pub async fn of(store: &Store, connector: Connector, now: Timestamp) -> Result<Self> {
        let certificate = match &connector.certificate_sha256 {
            Some(sha256) => store.find_certificate(sha256).await?,
            None => None,
        };
        let signs_as_application = connector.identity_type == IdentityType::Application;
        let application = connector.application.filter(|_| signs_as_application);
        let certificate = certificate.filter(|_| signs_as_application);
        Ok(Self {
            connector: connector.name,
            identity_type: connector.identity_type.to_string(),
            mode: connector.mode.map(|mode| mode.to_string()),
            tenant_id: connector.tenant_id,
            tenant_name: connector.tenant_name,
            sandbox: connector.sandbox,
            service_account: connector.service_account.map(|account| account.upn),
            application_name: application.as_ref().map(|found| found.display_name.clone()),
            app_id: application.as_ref().map(|found| found.app_id.clone()),
            application_id: application.as_ref().map(|found| found.object_id.clone()),
            principal_id: application.as_ref().map(|found| found.principal_id.clone()),
            key_id: application.as_ref().map(|found| found.key_id.clone()),
            certificate_sha256: certificate.as_ref().map(|found| found.certificate_sha256.clone()),
            thumbprint: certificate.as_ref().map(|found| found.thumbprint.clone()),
            subject: certificate.as_ref().map(|found| found.subject.clone()),
            provider: certificate.as_ref().map(|found| found.provider.clone()),
            hardware: certificate.as_ref().map(|found| found.hardware),
            key_uri: connector.key_uri.filter(|_| signs_as_application),
            algorithm: connector
                .algorithm
                .filter(|_| signs_as_application)
                .map(|algorithm| algorithm.to_string()),
            not_before: certificate.as_ref().map(|found| found.not_before.into()),
            not_after: certificate.as_ref().map(|found| found.not_after.into()),
            days_left: certificate.as_ref().map(|found| days_left(found.not_after, now)),
            activated_at: connector.activated_at.map(Moment::from),
        })
    }
}

/// Whole days from `now` until `not_after`; negative once it has passed.
pub fn days_left(not_after: Timestamp, now: Timestamp) -> i64 {
    (not_after.as_seconds() - now.as_seconds()).div_euclid(86_400)
}

/// A certificate on this host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CertificateView {
    /// SHA-256, upper hex.
    pub certificate_sha256: String,
    /// SHA-1, upper hex.
    pub thumbprint: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Serial number, upper hex.
    pub serial_number: String,
    /// When it begins to be valid.
    pub not_before: Moment,
    /// When it ceases to be valid.
    pub not_after: Moment,
    /// Whole days until it ceases to be valid; negative once it did.
    pub days_left: i64,
    /// URI of the private key, where this host has it.
    pub key_uri: Option<String>,
    /// What keeps the private key.
    pub provider: String,
    /// Whether hardware keeps the private key.
    pub hardware: bool,
    /// How client assertions are signed with it: `PS256` or `RS256`.
    pub algorithm: Option<String>,
    /// Where it is kept: `user` or `machine`.
    pub store: String,
    /// `prepared`, `active` or `retired`.
    pub status: String,
    /// The key credential that it was registered as.
    pub key_id: Option<String>,
}

impl CertificateView {
    /// A certificate as it is `now`.
    pub fn of(certificate: Certificate, now: Timestamp) -> Self {
        Self {
            days_left: days_left(certificate.not_after, now),
            certificate_sha256: certificate.certificate_sha256,
            thumbprint: certificate.thumbprint,
            subject: certificate.subject,
            issuer: certificate.issuer,
            serial_number: certificate.serial_number,
            not_before: certificate.not_before.into(),
            not_after: certificate.not_after.into(),
            key_uri: certificate.key_uri,
            provider: certificate.provider,
            hardware: certificate.hardware,
            algorithm: certificate.algorithm.map(|algorithm| algorithm.to_string()),
            store: certificate.store.to_string(),
            status: certificate.status.to_string(),
            key_id: certificate.key_id,
        }
    }
}

/// A connector's scheduler: the lasting settings, the lease, and what follows from both.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SchedulerView {
    /// The connector.
    pub connector: String,
    /// The shortest interval that the cloud permits.
    pub allowed_sync_cycle_interval: Span,
    /// The interval that applies.
    pub currently_effective_sync_cycle_interval: Span,
    /// The admin's interval, where there is one.
    pub customized_sync_cycle_interval: Option<Span>,
    /// What the next cycle looks at: `delta` or `initial`.
    pub next_sync_cycle_policy_type: String,
    /// When the next cycle is due; nothing where none is run.
    pub next_sync_cycle_start_time: Option<Moment>,
    /// How long the records of synchronization runs are kept.
    pub purge_run_history_interval: Span,
    /// Whether the admin wants cycles to be run.
    pub sync_cycle_enabled: bool,
    /// Whether certificates are renewed and history is purged.
    pub maintenance_enabled: bool,
    /// Whether exports are suppressed.
    pub staging_mode_enabled: bool,
    /// Whether the scheduler is suspended as a whole.
    pub scheduler_suspended: bool,
    /// Whether a cycle runs now.
    pub sync_cycle_in_progress: bool,
    /// The run that paused the scheduler.
    pub lease_run: Option<String>,
    /// Why it did.
    pub lease_reason: Option<String>,
    /// When the pause ends at the latest.
    pub lease_deadline: Option<Moment>,
    /// Whether cycles are run now: the settings minus live leases.
    pub effective_enabled: bool,
    /// Why not, or that they are.
    pub effective_reason: String,
}

impl SchedulerView {
    /// The scheduler of `connector`.
    pub fn of(connector: &str, state: SchedulerState) -> Self {
        let lease = state.leases.first();
        let settings = &state.settings;
        let effective_reason = if settings.scheduler_suspended {
            "the scheduler is suspended".to_owned()
        } else if !settings.sync_cycle_enabled {
            "sync_cycle_enabled is false".to_owned()
        } else if let Some(lease) = lease {
            format!("run {} paused it: {}", lease.run, lease.reason)
        } else {
            "cycles are run".to_owned()
        };
        Self {
            connector: connector.to_owned(),
            allowed_sync_cycle_interval: Span(state::scheduler::ALLOWED_SYNC_CYCLE_INTERVAL),
            currently_effective_sync_cycle_interval: Span(settings.effective_interval()),
            customized_sync_cycle_interval: settings.customized_sync_cycle_interval.map(Span),
            next_sync_cycle_policy_type: settings.next_sync_cycle_policy_type.to_string(),
            next_sync_cycle_start_time: state.next_sync_cycle_start_time.map(Moment::from),
            purge_run_history_interval: Span(settings.purge_run_history_interval),
            sync_cycle_enabled: settings.sync_cycle_enabled,
            maintenance_enabled: settings.maintenance_enabled,
            staging_mode_enabled: settings.staging_mode_enabled,
            scheduler_suspended: settings.scheduler_suspended,
            sync_cycle_in_progress: state.in_progress.is_some(),
            lease_run: lease.map(|lease| lease.run.clone()),
            lease_reason: lease.map(|lease| lease.reason.clone()),
            lease_deadline: lease.map(|lease| lease.deadline.into()),
            effective_enabled: state.runs_cycles(),
            effective_reason,
        }
    }
}

/// A synchronization cycle.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SyncRunView {
    /// Its id.
    pub id: String,
    /// When it started.
    pub started_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// `success`, `failed`, `in_progress` or `stopped`.
    pub result: String,
    /// What it looked at: `delta` or `initial`.
    pub policy_type: String,
    /// The job: `token-only` only proves that tokens are to be had.
    pub job: String,
    /// What the job said, or why it failed.
    pub message: Option<String>,
    /// The roles or scopes of the token.
    pub roles: Vec<String>,
    /// The run that started it.
    pub run: String,
}

impl From<SyncRun> for SyncRunView {
    fn from(run: SyncRun) -> Self {
        Self {
            id: run.id,
            started_at: run.started_at.into(),
            ended_at: run.ended_at.map(Moment::from),
            result: run.result.to_string(),
            policy_type: run.policy_type.to_string(),
            job: run.job,
            message: run.message,
            roles: run.roles,
            run: run.run,
        }
    }
}

/// An event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// When.
    pub at: Moment,
    /// What kind of event it is.
    pub event_id: i64,
    /// `information`, `warning` or `error`.
    pub level: String,
    /// Who says so.
    pub source: String,
    /// What happened.
    pub message: String,
    /// The connector that it is about, by name; its id once it is forgotten.
    pub connector: Option<String>,
    /// The run that it happened in.
    pub run: Option<String>,
    /// The same for programs, as JSON.
    pub data: String,
}

impl EventView {
    /// An event, with its connector's name from `names` (id and name).
    pub fn of(event: Event, names: &[(String, String)]) -> Self {
        let connector = event.connector_id.map(|id| {
            names.iter().find(|(known, _)| *known == id).map_or(id, |(_, name)| name.clone())
        });
        Self {
            at: event.at.into(),
            event_id: event.event_id,
            level: event.level.to_string(),
            source: event.source,
            message: event.message,
            connector,
            run: event.run,
            data: event.data.to_string(),
        }
    }
}
