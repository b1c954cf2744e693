//! Policy: which capabilities this host may use at all.

use crate::change::Change;

/// What policy says of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen.
    Allow,
    /// It may not, for this reason.
    Deny(String),
}

/// Judges changes before anyone is asked to confirm them.
pub trait Policy: Send + Sync {
    /// Judges one change.
    fn judge(&self, change: &Change) -> Verdict;
}

/// Denies the listed capabilities. An entry `application` denies everything done to applications,
/// `application.key.remove` just that.
#[derive(Clone, Debug, Default)]
pub struct DenyList(pub Vec<String>);

impl Policy for DenyList {
    fn judge(&self, change: &Change) -> Verdict {
        let capability = change.capability();
        let denying = self.0.iter().find(|entry| {
            capability == **entry
                || capability.strip_prefix(entry.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        match denying {
            Some(entry) => Verdict::Deny(format!(
                "the policy of this host denies '{entry}' (needed: '{capability}')"
            )),
            None => Verdict::Allow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Impact, Target};

    #[test]
    fn an_entry_denies_itself_and_what_is_below_it() {
        let remove =
            Change { target: Target::ApplicationKey, action: "remove", impact: Impact::High };
        let denied =
            |entry: &str| DenyList(vec![entry.to_owned()]).judge(&remove) != Verdict::Allow;
        assert!(denied("application") && denied("application.key"));
        assert!(denied("application.key.remove"));
        assert!(!denied("app") && !denied("application.key.add"));
    }
}
