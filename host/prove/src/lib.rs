//! A host and its tenant in one process, in virtual time, and the rules that must hold there.
//!
//! [`Host::new`] makes a fresh world: a sandbox tenant behind a transport that needs no socket, a
//! state in memory, key files on a disk in memory, and the connector `default` signed in as the
//! tenant's legacy account. [`Host::run`] runs scripts in it through the same gate, journal and
//! client as ever; [`rules::broken`] says which of the rules that always hold do not.

mod attempts;
pub mod crash;
mod host;
mod process;
mod recorder;
mod rival;
pub mod rules;
mod snapshot;
mod traffic;
mod transport;
mod view;

pub use attempts::Attempt;
pub use base::virtual_world::{Fate, Kind, Operation};
pub use host::{Answers, Ended, Host, Workshop};
pub use recorder::Recorder;
pub use rival::Rival;
pub use snapshot::Snapshot;
pub use traffic::{Exchange, Traffic};
pub use transport::RouterTransport;
