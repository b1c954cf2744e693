//! Removals: what may be taken away only while nobody depends on it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Code, Diagnostic, Result};
use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::change::Target;
use crate::journal::StepKey;

/// An object that a credential may depend on, and that a step takes away. Ids are texts, as the
/// tenant or the key store spells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Removal {
    /// An application with everything that belongs to it.
    Application {
        /// Its object id.
        id: String,
        /// Its client id.
        app_id: String,
    },
    /// A key credential of an application.
    ApplicationKey {
        /// The application's object id.
        application_id: String,
        /// Its client id.
        app_id: String,
        /// The key credential.
        key_id: String,
    },
    /// A service principal.
    ServicePrincipal {
        /// Its object id.
        id: String,
        /// Its application's client id.
        app_id: String,
    },
    /// An application role that is granted to a service principal.
    AppRoleAssignment {
        /// The grant.
        id: String,
        /// To whom it is granted: object id of the service principal.
        principal_id: String,
        /// The role's value, as tokens show it.
        role: String,
    },
    /// A private key in a key store.
    PrivateKey {
        /// Its address.
        key_uri: String,
    },
    /// A certificate of this host.
    Certificate {
        /// SHA-256, upper hex.
        certificate_sha256: String,
    },
    /// A user of the tenant.
    User {
        /// Its object id.
        id: String,
        /// Its user principal name.
        upn: String,
    },
    /// A member of a directory role.
    DirectoryRoleMember {
        /// The user's object id.
        user_id: String,
        /// The user's name.
        upn: String,
    },
}

impl Removal {
    /// The kind of object.
    pub const fn target(&self) -> Target {
        match self {
            Self::Application { .. } => Target::Application,
            Self::ApplicationKey { .. } => Target::ApplicationKey,
            Self::ServicePrincipal { .. } => Target::ServicePrincipal,
            Self::AppRoleAssignment { .. } => Target::AppRoleAssignment,
            Self::PrivateKey { .. } => Target::PrivateKey,
            Self::Certificate { .. } => Target::Certificate,
            Self::User { .. } => Target::User,
            Self::DirectoryRoleMember { .. } => Target::DirectoryRoleMember,
        }
    }
}

/// In which circumstances something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circumstance {
    /// A script asks for it.
    Asked,
    /// A step of the same run is taken back, which made the object.
    Undone,
}

/// Judges removals: rule I3. It is asked in the step itself, right before its intent is written.
pub trait Guard: Send + Sync {
    /// Judges one removal. It may ask the tenant for tokens, and records what it saw as evidence.
    ///
    /// # Errors
    /// [`Code::EffectNoEvidence`] where a connector depends on the object, or where there is no
    /// evidence that it works without.
    fn judge<'a>(
        &'a self,
        removal: &'a Removal,
        circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<()>>;
}

/// The right to remove one object, minted by the gate after the [`Guard`] was asked and the step's
/// intent is on disk. Methods that remove something a credential may depend on take nothing else, so
/// a removal that nobody judged does not compile. See also [`crate::Permit`].
///
/// ```compile_fail
/// fn forge(key: &effect::StepKey, removal: &effect::Removal) -> effect::RemovalPermit<'_> {
///     effect::RemovalPermit { step: key, removal }
/// }
/// ```
///
/// ```compile_fail
/// fn other_way(permit: effect::Permit<'_>, remove: impl Fn(effect::RemovalPermit<'_>)) {
///     remove(permit);
/// }
/// ```
#[derive(Debug)]
pub struct RemovalPermit<'step> {
    step: &'step StepKey,
    removal: &'step Removal,
}

impl<'step> RemovalPermit<'step> {
    pub(crate) fn mint(step: &'step StepKey, removal: &'step Removal) -> Self {
        Self { step, removal }
    }

    /// The step that this permit is for.
    pub fn step(&self) -> &StepKey {
        self.step
    }

    /// Makes sure that the object about to be removed is the one that was judged.
    ///
    /// # Errors
    /// [`Code::Internal`] where it is another one.
    pub fn covers(&self, is_it: impl FnOnce(&Removal) -> bool) -> Result<()> {
        if is_it(self.removal) {
            return Ok(());
        }
        let other = format!("A permit to remove {:?} was used for another object", self.removal);
        Err(Diagnostic::new(Code::Internal, other)
            .next("Report this as a mistake of this program, with the script that shows it."))
    }
}

/// The removals of a run in one process. Branches run side by side: what the guard found unused must
/// not come into use before it is gone.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    /// Held for reading by removals, for writing by whoever lets a connector sign in otherwise.
    turns: RwLock<()>,
    judged: Mutex<Vec<Removal>>,
}

impl Removals {
    /// The right to judge and remove, side by side with other removals.
    pub(crate) async fn begin(&self) -> RwLockReadGuard<'_, ()> {
        self.turns.read().await
    }

    pub(crate) fn note(&self, removal: &Removal) {
        self.lock().push(removal.clone());
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    pub(crate) async fn settled(&self, mark: usize) -> Settled<'_> {
        let turn = self.turns.write().await;
        let since = self.lock().iter().skip(mark).cloned().collect();
        Settled { since, _turn: turn }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Removal>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this is kept, no removal of the run begins.
#[derive(Debug)]
pub struct Settled<'a> {
    /// What was judged since the mark, and may be gone.
    pub since: Vec<Removal>,
    _turn: RwLockWriteGuard<'a, ()>,
}
