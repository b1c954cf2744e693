//! What is remembered of tenants, so that a run can name its tenant without opening it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base::Ports;
use serde::{Deserialize, Serialize};

use crate::answer::TenantName;

/// The file in the state folder.
const FILE: &str = "tenants.json";

/// What is remembered. All of it can be learned again, so a file that is damaged counts as empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// The embedded sandbox.
    pub embedded: Option<TenantName>,
    /// The tenants of profiles.
    pub profiles: BTreeMap<String, TenantName>,
    /// Ids of sandboxes that were given their first connector.
    pub settled: BTreeSet<String>,
}

impl Remembered {
    /// Reads what is remembered.
    pub fn read(ports: &Ports, state: &Path) -> Self {
        let content = ports.disk.read(&state.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_default()
    }

    /// Remembers something more.
    pub fn update(ports: &Ports, state: &Path, change: impl FnOnce(&mut Self)) {
        let before = Self::read(ports, state);
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return;
        }
        let written = serde_json::to_vec_pretty(&after)
            .map_err(std::io::Error::other)
            .and_then(|content| ports.disk.write_atomic(&state.join(FILE), &content, 0o600));
        if let Err(error) = written {
            tracing::warn!(%error, "what is known of tenants was not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use base::virtual_world::VirtualWorld;

    use super::*;

    #[test]
    fn a_damaged_file_counts_as_empty() {
        let ports = VirtualWorld::new(1, base::Timestamp::default()).unwrap().ports();
        let state = Path::new("/state");
        ports.disk.create_folder(state, 0o700).unwrap();
        let settle = |remembered: &mut Remembered| {
            remembered.settled.insert("one".to_owned());
        };
        Remembered::update(&ports, state, settle);
        assert!(Remembered::read(&ports, state).settled.contains("one"));
        ports.disk.write_atomic(&state.join(FILE), b"{", 0o600).unwrap();
        assert_eq!(Remembered::read(&ports, state), Remembered::default());
        Remembered::update(&ports, state, settle);
        assert!(Remembered::read(&ports, state).settled.contains("one"));
    }
}
