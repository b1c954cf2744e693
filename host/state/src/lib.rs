//! The database of a host: connectors, certificates, scheduler settings and leases, sync runs,
//! events, evidence, runs and their journal, and the audit chains over them.
//!
//! A [`Store`] reads; any number of processes may read at any time. A [`Writer`] writes; there is
//! one per host, because it holds a kernel lock, and every change that it makes proves in its own
//! transaction that nobody took over meanwhile (its *epoch*). SQLite is the embedded default;
//! PostgreSQL serves where several hosts share connectors. Both see the same statements.

#[macro_use]
mod words;

pub mod audit;
mod backup;
pub mod certificates;
pub mod connectors;
mod database;
mod dialect;
mod error;
pub mod events;
pub mod evidence;
mod folder;
pub mod journal;
pub mod leases;
pub mod owner;
mod query;
pub mod runs;
pub mod sandbox;
pub mod scheduler;
mod schema;
pub mod store;
pub mod sync_runs;
pub mod writer;

pub use audit::restore::AcceptedRestore;
pub use audit::verify::{AuditReport, Finding};
pub use audit::{Anchor, AuditKey, ledger::Ledger};
pub use backup::Copied;
pub use certificates::{
    Certificate, CertificateFilter, CertificateStatus, CertificateStore, NewCertificate,
};
pub use connectors::{
    Algorithm, Application, Connector, ConnectorChange, IdentityType, Link, Mode, NewConnector,
    SealedText, ServiceAccount, SyncJob,
};
pub use events::{Event, EventFilter, EventLevel, NewEvent};
pub use evidence::{Evidence, EvidenceFilter, EvidenceKind, NewEvidence};
pub use folder::HostIdentity;
pub use journal::DoneStep;
pub use leases::Lease;
pub use owner::Owner;
pub use runs::{NewRun, Run, RunStatus, Source};
pub use sandbox::Removed;
pub use scheduler::{PolicyType, SchedulerChange, SchedulerSettings, SchedulerState};
pub use store::{Place, Store};
pub use sync_runs::{NewSyncRun, SyncResult, SyncRun, SyncRunEnd, SyncRunFilter};
pub use writer::{Purpose, Writer};
