//! What a cmdlet does to the world outside the script, as data.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a cmdlet does outside the script. Every cmdlet declares exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only looks.
    Read,
    /// It changes something, in steps.
    Change(Change),
}

/// A change: what it acts on, what it does, and how much is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The kind of object.
    pub target: Target,
    /// The verb, such as `add`, `remove`, `set`.
    pub action: &'static str,
    /// How much is at stake.
    pub impact: Impact,
}

impl Change {
    /// Target and action, such as `application.key.remove`: the unit of policy.
    pub fn capability(&self) -> String {
        format!("{}.{}", self.target, self.action)
    }
}

/// How much is at stake in a change; decides who must confirm it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Easily undone, and nothing depends on it.
    Low,
    /// Something depends on it, but the host knows the way back.
    Medium,
    /// It can lock a connector out or destroys what cannot be made again: its name must be typed.
    High,
}

macro_rules! targets {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// The kind of object that a change acts on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Target { $($(#[doc = $doc])+ $name,)+ }

        impl Target {
            /// Every kind of object.
            pub const ALL: &'static [Target] = &[$(Target::$name,)+];

            /// The kind as capabilities spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Target::$name => $text,)+ }
            }
        }
    };
}

targets! {
    /// A connector's record on this host.
    Connector = "connector";
    /// A connector's scheduler settings.
    Scheduler = "scheduler";
    /// A pause of a connector's scheduler.
    SchedulerLease = "scheduler.lease";
    /// A synchronization cycle.
    SyncCycle = "sync_cycle";
    /// A private key in a key store.
    PrivateKey = "private_key";
    /// A certificate on this host.
    Certificate = "certificate";
    /// An application in the tenant.
    Application = "application";
    /// A key credential of an application.
    ApplicationKey = "application.key";
    /// A service principal in the tenant.
    ServicePrincipal = "service_principal";
    /// An application role granted to a service principal.
    AppRoleAssignment = "app_role_assignment";
    /// A user of the tenant.
    User = "user";
    /// A member of a directory role.
    DirectoryRoleMember = "directory_role.member";
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The inverse of one step, as data that is written with the step's intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Calling this cmdlet takes the step back.
    Cmdlet {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
    /// Nothing takes the step back: it is a pivot, before which unwinding stops.
    Irreversible {
        /// Why.
        reason: String,
    },
    /// Nothing needs to take it back: it harms nobody where it stands.
    Unneeded {
        /// Why.
        reason: String,
    },
}

impl Undo {
    /// Taken back by calling `name` with `arguments`.
    pub fn cmdlet(name: impl Into<String>, arguments: Value) -> Self {
        Self::Cmdlet { name: name.into(), arguments }
    }

    /// Not taken back, because of `reason`.
    pub fn irreversible(reason: impl Into<String>) -> Self {
        Self::Irreversible { reason: reason.into() }
    }

    /// Need not be taken back, because of `reason`.
    pub fn unneeded(reason: impl Into<String>) -> Self {
        Self::Unneeded { reason: reason.into() }
    }
}
