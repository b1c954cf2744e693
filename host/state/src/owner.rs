//! Who made a record that ends with its maker.

use std::collections::HashMap;

use base::Ports;
use base::process::ProcessIdentity;
use serde::{Deserialize, Serialize};

/// The process that holds a lease, runs a script, or runs a sync cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The host.
    pub host_id: String,
    /// The host's boot.
    pub boot_id: String,
    /// The process.
    pub process: ProcessIdentity,
    /// The epoch of its right to write.
    pub epoch: i64,
}

/// What is needed to tell whether an owner is still there.
pub(crate) struct Census {
    host_id: String,
    boot_id: String,
    /// The current epoch of every host.
    epochs: HashMap<String, i64>,
}

impl Census {
    pub(crate) fn new(host_id: &str, boot_id: String, epochs: HashMap<String, i64>) -> Self {
        Self { host_id: host_id.to_owned(), boot_id, epochs }
    }

    /// Whether an owner is surely gone. A process of another host cannot be looked at; it counts
    /// as gone only when another one took over there.
    pub(crate) fn is_gone(&self, owner: &Owner, ports: &Ports) -> bool {
        // A host has one writer at a time: whoever has an older epoch no longer is it.
        if self.epochs.get(&owner.host_id).is_some_and(|epoch| *epoch > owner.epoch) {
            return true;
        }
        owner.host_id == self.host_id
            && (owner.boot_id != self.boot_id || !ports.process.is_running(&owner.process))
    }

    /// Whether an owner lived in this boot of this host, so that boot times compare.
    pub(crate) fn shares_boot(&self, owner: &Owner) -> bool {
        owner.host_id == self.host_id && owner.boot_id == self.boot_id
    }
}
