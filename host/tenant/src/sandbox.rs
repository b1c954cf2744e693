//! A tenant with its ports: in memory, or in a data folder that it owns.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use base::{Ports, SecretText};

use crate::certificates::{Keys, TokenSigner};
use crate::faults::Faults;
use crate::folder::{Folder, Opened};
use crate::overview::Overview;
use crate::seed;
use crate::state::State;

/// The address of a tenant in memory; nothing listens there.
const IN_MEMORY: &str = "https://login.sandbox.invalid";

/// A sandbox tenant. Clones are the same tenant; [`Sandbox::fork`] makes another one.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) shared: Arc<Shared>,
}

/// What requests work on.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Held from reading the state to keeping the next one.
    writing: Mutex<()>,
    pub(crate) ports: Ports,
    pub(crate) signer: TokenSigner,
    pub(crate) faults: Faults,
    pub(crate) folder: Option<Folder>,
    pub(crate) authority: String,
    administrator_pem: SecretText,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The state as it is now.
    pub(crate) fn state(&self) -> State {
        locked(&self.state).clone()
    }

    /// Keeps other requests from changing the state.
    pub(crate) fn writing(&self) -> MutexGuard<'_, ()> {
        locked(&self.writing)
    }

    /// Keeps a new state; only while [`Shared::writing`] is held.
    ///
    /// # Errors
    /// Where it cannot be written; the old state stands then.
    pub(crate) fn keep(&self, state: State) -> base::Result<()> {
        if let Some(folder) = &self.folder {
            folder.write_state(&state)?;
        }
        *locked(&self.state) = state;
        Ok(())
    }
}

impl Sandbox {
    pub(crate) fn new(
        ports: &Ports,
        state: State,
        signer: TokenSigner,
        administrator_pem: String,
        folder: Option<Folder>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                writing: Mutex::new(()),
                ports: ports.clone(),
                signer,
                faults: Faults::default(),
                folder,
                authority: IN_MEMORY.to_owned(),
                administrator_pem: SecretText::new(administrator_pem),
            }),
        }
    }

    /// Opens the tenant in a data folder, or makes a fresh one there. The folder belongs to this
    /// process until the tenant is dropped; where another process has it, the answer says where that
    /// one is described.
    ///
    /// # Errors
    /// A folder that cannot be used, a state that is damaged or of a newer version.
    pub fn open(ports: &Ports, folder: &Path) -> base::Result<Opened> {
        crate::folder::open(ports, folder)
    }

    /// A fresh tenant that lives in memory, at `https://login.sandbox.invalid`. Making its keys takes a
    /// tenth of a second; see [`Sandbox::in_memory_with`].
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn in_memory(ports: &Ports) -> base::Result<Self> {
        Self::in_memory_with(ports, &Keys::generate()?)
    }

    /// A fresh tenant that lives in memory, with keys that were made before. Everything but the keys
    /// follows from the ports.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn in_memory_with(ports: &Ports, keys: &Keys) -> base::Result<Self> {
        let signer = TokenSigner::new(keys.signing.clone(), ports)?;
        let fresh = seed::fresh(ports, keys)?;
        Ok(Self::new(ports, fresh.state, signer, fresh.administrator_pem, None))
    }

    /// A twin in memory, with the same content, keys and delays: what happens to it does not happen
    /// here. Its clock and randomness are those of `ports`. Costs no copying.
    #[must_use]
    pub fn fork(&self, ports: &Ports) -> Self {
        let shared = &self.shared;
        let pem = shared.administrator_pem.expose().to_owned();
        let twin = Self::new(ports, shared.state(), shared.signer.clone(), pem, None);
        twin.faults().set_delays(self.faults().delays());
        twin
    }

    /// The tenant as an axum router, for use in process. A response that carries [`crate::Lost`] as an
    /// extension stands for a connection that broke.
    pub fn router(&self) -> Router {
        crate::http::router(self.shared.clone())
    }

    /// Faults, delays and the clock of this tenant.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// What is in the tenant, for people.
    pub fn show(&self) -> Overview {
        crate::overview::of(&self.shared.state(), self.shared.faults.now(&*self.shared.ports.clock))
    }

    /// The administrator's and the legacy account's sign-in, and the tenant's id.
    pub fn sign_ins(&self) -> SignIns {
        let state = self.shared.state();
        let seeded = &state.seeded;
        SignIns {
            tenant_id: state.organization.id,
            client_id: seeded.client_id,
            certificate_pem: self.shared.administrator_pem.clone(),
            username: seeded.username.clone(),
            password: SecretText::new(seeded.password.as_str()),
            legacy_username: seeded.legacy_username.clone(),
            legacy_password: SecretText::new(seeded.legacy_password.as_str()),
        }
    }
}

/// How to sign in to a fresh tenant, with the secrets themselves.
#[derive(Clone, Debug)]
pub struct SignIns {
    /// Tenant id.
    pub tenant_id: uuid::Uuid,
    /// Client id of the administrator application.
    pub client_id: uuid::Uuid,
    /// Its private key (PKCS#8) and certificate in PEM.
    pub certificate_pem: SecretText,
    /// The administrator's user principal name.
    pub username: String,
    /// The administrator's password.
    pub password: SecretText,
    /// The legacy synchronization account's user principal name.
    pub legacy_username: String,
    /// The legacy synchronization account's password.
    pub legacy_password: SecretText,
}
