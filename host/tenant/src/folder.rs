//! The data folder of a tenant: one owner, atomic files, nothing readable by others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::{LockAttempt, LockGuard};
use base::{Code, Diagnostic, Disk, Ports};
use serde_json::{Value, json};

use crate::certificates::{self, Authority, Keys, TokenSigner};
use crate::sandbox::Sandbox;
use crate::seed;
use crate::state::{State, snapshot};

const STATE: &str = "state.json";
const ADMINISTRATOR: &str = "admin.pem";
const SIGNING: &str = "signing.pem";
const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";
const SERVER: &str = "server.pem";
const SERVED: &str = "served.json";
const LOCK: &str = "lock";
/// The server certificate is made anew when it ends within that time.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);

/// What opening a data folder came to.
pub enum Opened {
    /// The tenant is ours.
    Owner(Sandbox),
    /// Another process owns it. This file describes where it is served; it is there once the owner
    /// is ready.
    Served(PathBuf),
}

/// A data folder that this process owns.
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    _lock: Box<dyn LockGuard>,
}

fn trouble(what: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let code = match error.kind() {
        io::ErrorKind::StorageFull => Code::DiskFull,
        _ => Code::TenantSandbox,
    };
    Diagnostic::new(code, format!("the sandbox tenant could not {what} {}", path.display()))
        .cause(error)
        .next("Check that the folder exists, is yours and has room, or name another one")
}

enum Locked {
    Ours(Folder),
    Theirs(PathBuf),
}

fn lock(ports: &Ports, path: &Path) -> base::Result<Locked> {
    let disk = ports.disk.clone();
    disk.create_folder(path, 0o700).map_err(|error| trouble("make its folder", path, &error))?;
    let served = path.join(SERVED);
    let holder = json!({ "describe": served, "process": ports.process.identity() });
    let file = path.join(LOCK);
    match disk.lock(&file, &holder.to_string()) {
        Ok(LockAttempt::Held(lock)) => {
            Ok(Locked::Ours(Folder { disk, path: path.to_owned(), _lock: lock }))
        }
        Ok(LockAttempt::Taken(text)) => {
            // An owner that has only just started may not have written it yet; it always names the
            // same file.
            let holder: Value = serde_json::from_str(&text).unwrap_or_default();
            let named = holder.get("describe").and_then(Value::as_str).map(PathBuf::from);
            Ok(Locked::Theirs(named.unwrap_or(served)))
        }
        Err(error) => Err(trouble("lock its folder", path, &error)),
    }
}

/// See [`Sandbox::open`].
pub(crate) fn open(ports: &Ports, path: &Path) -> base::Result<Opened> {
    let folder = match lock(ports, path)? {
        Locked::Ours(folder) => folder,
        Locked::Theirs(describe) => return Ok(Opened::Served(describe)),
    };
    // What an owner that died left behind describes nothing any more.
    folder.remove(SERVED)?;
    let (state, signer, administrator) = match folder.read(STATE)? {
        Some(content) => folder.restored(&content)?,
        None => folder.seeded(ports)?,
    };
    Ok(Opened::Owner(Sandbox::new(ports, state, signer, administrator, Some(folder))))
}

impl Sandbox {
    /// Deletes the tenant in a data folder, so that the next one opened there is fresh.
    ///
    /// # Errors
    /// Where another process owns it, or a file cannot be deleted.
    pub fn reset(ports: &Ports, path: &Path) -> base::Result<()> {
        match lock(ports, path)? {
            Locked::Ours(folder) => {
                // The state first: whatever happens then, the rest is made anew with the next one.
                for name in
                    [STATE, SERVED, ADMINISTRATOR, SIGNING, SERVER, AUTHORITY_KEY, AUTHORITY]
                {
                    folder.remove(name)?;
                }
                Ok(())
            }
            Locked::Theirs(_) => Err(Diagnostic::new(
                Code::StateLocked,
                format!("the sandbox tenant in {} is in use by another process", path.display()),
            )
            .next("Stop that process (credwright tenant serve), then repeat")),
        }
    }
}

impl Folder {
    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn read(&self, name: &str) -> base::Result<Option<Vec<u8>>> {
        let file = self.file(name);
        match self.disk.read(&file) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble("read", &file, &error)),
        }
    }

    fn read_text(&self, name: &str) -> base::Result<Option<String>> {
        let content = self.read(name)?;
        Ok(content.map(|content| String::from_utf8_lossy(&content).into_owned()))
    }

    fn write(&self, name: &str, content: &[u8]) -> base::Result<()> {
        let file = self.file(name);
        self.disk
            .write_atomic(&file, content, 0o600)
            .map_err(|error| trouble("write", &file, &error))
    }

    fn remove(&self, name: &str) -> base::Result<()> {
        let file = self.file(name);
        match self.disk.remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(trouble("delete", &file, &error))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn write_state(&self, state: &State) -> base::Result<()> {
        let content = snapshot::write(state)
            .map_err(|error| certificates::failed("write its state", &error))?;
        self.write(STATE, &content)
    }

    fn restored(&self, content: &[u8]) -> base::Result<(State, TokenSigner, String)> {
        let state = snapshot::read(content, &self.file(STATE))?;
        let missing = |name: &str| {
            let file = self.file(name);
            Diagnostic::new(Code::StateCorrupt, format!("{} is missing", file.display()))
                .meaning("The sandbox tenant's state is there, but not the key that belongs to it.")
                .next("Put the file back, or start afresh with: credwright tenant reset")
        };
        let administrator = self.read_text(ADMINISTRATOR)?.ok_or_else(|| missing(ADMINISTRATOR))?;
        let signing = self.read_text(SIGNING)?.ok_or_else(|| missing(SIGNING))?;
        Ok((state, TokenSigner::from_pem(&signing)?, administrator))
    }

    fn seeded(&self, ports: &Ports) -> base::Result<(State, TokenSigner, String)> {
        let keys = Keys::generate()?;
        let signer = TokenSigner::new(keys.signing.clone(), ports)?;
        let fresh = seed::fresh(ports, &keys)?;
        self.write(SIGNING, signer.pem().as_bytes())?;
        self.write(ADMINISTRATOR, fresh.administrator_pem.as_bytes())?;
        // The state last: it says that everything else is there.
        self.write_state(&fresh.state)?;
        Ok((fresh.state, signer, fresh.administrator_pem))
    }

    /// Private key and certificate for TLS in PEM; made where missing, made anew where ending.
    pub(crate) fn server_pem(&self, ports: &Ports) -> base::Result<String> {
        let lasts = |pem: &String| {
            certificates::end_of(pem).is_some_and(|end| ports.clock.now().plus(RENEWAL) < end)
        };
        let authority = self.read_text(AUTHORITY)?.filter(lasts);
        let authority_key = self.read_text(AUTHORITY_KEY)?;
        let known = match (authority, authority_key) {
            (Some(pem), Some(key)) => Some(Authority::from_pem(pem, &key)?),
            _ => None,
        };
        let (authority, is_new) = match known {
            Some(authority) => (authority, false),
            None => {
                let authority = Authority::generate(ports)?;
                self.write(AUTHORITY_KEY, authority.key.serialize_pem().as_bytes())?;
                self.write(AUTHORITY, authority.pem.as_bytes())?;
                (authority, true)
            }
        };
        if let Some(pem) = self.read_text(SERVER)?.filter(lasts).filter(|_| !is_new) {
            return Ok(pem);
        }
        let pem = authority.issue_server(ports)?;
        self.write(SERVER, pem.as_bytes())?;
        Ok(pem)
    }

    pub(crate) fn authority_file(&self) -> PathBuf {
        self.file(AUTHORITY)
    }

    pub(crate) fn administrator_file(&self) -> PathBuf {
        self.file(ADMINISTRATOR)
    }

    pub(crate) fn describe(&self, description: &[u8]) -> base::Result<()> {
        self.write(SERVED, description)
    }

    pub(crate) fn undescribe(&self) -> base::Result<()> {
        self.remove(SERVED)
    }
}
