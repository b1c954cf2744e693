//! How long a change takes until it shows (facts 6.4): each effect has a delay of its own.

use std::time::Duration;

use base::Timestamp;

/// Delays of a tenant. They are compared with the tenant's clock when something is read, so that
/// setting them takes effect at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delays {
    /// From making an object to reading it.
    pub object_readable: Duration,
    /// From registering a key credential or a secret to signing in with it.
    pub key_accepted: Duration,
    /// From granting an application role or a directory role to tokens that carry it.
    pub role_in_token: Duration,
}

impl Default for Delays {
    /// Small, but there: a client that does not wait fails in the sandbox too.
    fn default() -> Self {
        Self {
            object_readable: Duration::from_millis(300),
            key_accepted: Duration::from_millis(700),
            role_in_token: Duration::from_millis(700),
        }
    }
}

impl Delays {
    /// Everything shows at once.
    pub const fn none() -> Self {
        Self {
            object_readable: Duration::ZERO,
            key_accepted: Duration::ZERO,
            role_in_token: Duration::ZERO,
        }
    }

    /// About what the real service was seen to take (facts 6.4).
    pub const fn real() -> Self {
        Self {
            object_readable: Duration::from_secs(10),
            key_accepted: Duration::from_secs(18),
            role_in_token: Duration::from_secs(60),
        }
    }

    /// Whether an object made at `created` can be read.
    pub fn object_ready(&self, created: Timestamp, now: Timestamp) -> bool {
        now >= created.plus(self.object_readable)
    }

    /// Whether a credential registered at `added` is accepted.
    pub fn key_ready(&self, added: Timestamp, now: Timestamp) -> bool {
        now >= added.plus(self.key_accepted)
    }

    /// Whether a role granted at `since` is in new tokens.
    pub fn role_ready(&self, since: Timestamp, now: Timestamp) -> bool {
        now >= since.plus(self.role_in_token)
    }
}
