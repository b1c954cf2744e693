//! A host and its tenant in one process, in virtual time, and the rules that must hold there.
//!
//! [`Host::new`] makes a fresh world: a sandbox tenant behind a transport that needs no socket, a
//! state in memory, key files on a disk in memory, and the connector `default` signed in as the
//! tenant's legacy account. [`Host::run`] runs scripts in it through the same gate, journal and
//! client as ever; [`rules::broken`] says which of the rules that always hold do not.

mod host;
mod recorder;
mod rival;
pub mod rules;
mod transport;

pub use host::{Answers, Ended, Host, Workshop};
pub use recorder::Recorder;
pub use rival::Rival;
pub use transport::RouterTransport;
