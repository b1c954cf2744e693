//! The state folder: whose it is, which host it belongs to, and its files.

use std::io;
use std::path::{Path, PathBuf};

use base::disk::{FileKind, FileStatus, LockAttempt};
use base::{Code, Diagnostic, Ports, Result, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audit::key::{self, AuditKey};
use crate::error;

/// Which host this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostIdentity {
    /// Made once, when the state folder was made.
    pub id: String,
    /// The machine is another one than when the id was made: the folder, or the whole host, was
    /// cloned or moved. Two hosts with one id must not work on one tenant.
    pub machine_changed: bool,
    /// When the id was made.
    pub created_at: Timestamp,
}

/// The file that keeps the host's identity. It is beside the database and not in it, because
/// several hosts may share a database.
#[derive(Serialize, Deserialize)]
struct HostFile {
    host_id: String,
    /// SHA-256 of host id and machine id; nothing where the machine has none.
    machine_digest: Option<String>,
    owner: u32,
    created_at: Timestamp,
}

/// The files of a state folder.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    fn host_file(&self) -> PathBuf {
        self.path.join("host.json")
    }

    /// The kernel lock of the one writer.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The key of the audit chains.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("audit.key")
    }

    /// SQLite's file.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.path.join("state.db")
    }

    /// Opens the folder, making it and its files where they are missing, and tells which host it
    /// belongs to.
    ///
    /// # Errors
    /// `StateFolder` where it is not this user's alone, `DiskFull`, `StateCorrupt`.
    pub(crate) fn open(
        path: &Path,
        ports: &Ports,
        sqlite: bool,
    ) -> Result<(Self, HostIdentity, AuditKey)> {
        let folder = Self { path: path.to_owned() };
        match ports.disk.status(path) {
            Ok(status) => folder.check(path, &status, FileKind::Folder, ports)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ports.disk.create_folder(path, 0o700).map_err(|e| error::disk(path, &e))?;
            }
            Err(error) => return Err(error::disk(path, &error)),
        }
        if folder.lacks_files(ports, sqlite)? {
            folder.create_files(ports, sqlite)?;
        }
        let identity = folder.identify(ports)?;
        let key = folder.audit_key(ports)?;
        Ok((folder, identity, key))
    }

    /// Checks that a path belongs to this user and to nobody else.
    fn check(&self, path: &Path, status: &FileStatus, kind: FileKind, ports: &Ports) -> Result<()> {
        let shown = path.display();
        if status.kind != kind {
            let what = if kind == FileKind::Folder { "a folder" } else { "a regular file" };
            return Err(Diagnostic::new(Code::StateFolder, format!("{shown} is not {what}"))
                .next("Move it away, or name another place with --home."));
        }
        let user = ports.process.user();
        if status.owner != user.id {
            return Err(foreign(path, status.owner, user.id));
        }
        if status.mode & 0o077 != 0 {
            return Err(Diagnostic::new(
                Code::StateFolder,
                format!("{shown} is open to other users (mode {:03o})", status.mode),
            )
            .meaning(
                "What is kept there decides over credentials; nobody else may see or change it.",
            )
            .next(format!("chmod go= '{shown}'")));
        }
        Ok(())
    }

    fn lacks_files(&self, ports: &Ports, sqlite: bool) -> Result<bool> {
        let mut lacking = self.missing(&self.host_file(), ports)?;
        lacking |= self.missing(&self.key_file(), ports)?;
        if sqlite {
            lacking |= self.missing(&self.database_file(), ports)?;
        }
        Ok(lacking)
    }

    fn missing(&self, path: &Path, ports: &Ports) -> Result<bool> {
        match ports.disk.status(path) {
            Ok(status) => self.check(path, &status, FileKind::File, ports).map(|()| false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error::disk(path, &error)),
        }
    }

    /// Makes what is missing, under the writer's lock so that two first runs do not replace each
    /// other's files.
    fn create_files(&self, ports: &Ports, sqlite: bool) -> Result<()> {
        let lock = self.lock_file();
        let held = match ports.disk.lock(&lock, "").map_err(|e| error::disk(&lock, &e))? {
            LockAttempt::Held(guard) => guard,
            LockAttempt::Taken(_) if !self.lacks_files(ports, sqlite)? => return Ok(()),
            LockAttempt::Taken(_) => {
                return Err(Diagnostic::new(
                    Code::StateLocked,
                    format!("Another process is just making the state in {}", self.path.display()),
                )
                .repeat(base::Repeat::Later)
                .next("Run the command again in a moment."));
            }
        };
        let fresh = self.missing(&self.host_file(), ports)?;
        if sqlite && self.missing(&self.database_file(), ports)? {
            if !fresh {
                return Err(self.lost_database());
            }
            // SQLite takes an empty file for an empty database, and would itself make one that
            // others may read.
            self.write(&self.database_file(), b"", ports)?;
        }
        // Where the chain knows another key, that is told before anything is written.
        if self.missing(&self.key_file(), ports)? {
            let mut bytes = [0; key::LENGTH];
            ports.random.fill(&mut bytes);
            self.write(&self.key_file(), AuditKey::text(&bytes).expose(), ports)?;
        }
        if fresh {
            let host_id = ports.random.uuid().to_string();
            let file = HostFile {
                machine_digest: machine_digest(&host_id, ports),
                host_id,
                owner: ports.process.user().id,
                created_at: ports.clock.now(),
            };
            let text = serde_json::to_vec_pretty(&file).map_err(|error| {
                Diagnostic::new(Code::Internal, "host.json cannot be written").source(&error)
            })?;
            self.write(&self.host_file(), &text, ports)?;
        }
        drop(held);
        Ok(())
    }

    /// The identity is written after the database, so one without the other was taken away. An
    /// empty state in its place would know nothing of the credentials that this host made.
    fn lost_database(&self) -> Diagnostic {
        let shown = self.database_file().display().to_string();
        Diagnostic::new(Code::StateCorrupt, format!("The state database is gone: {shown}"))
            .meaning("What this host remembered of its connectors is not there any more.")
            .next(format!(
                "Restore it from a backup. To begin with an empty state instead, type: \
                 install -m 600 /dev/null '{shown}'"
            ))
    }

    fn write(&self, path: &Path, content: &[u8], ports: &Ports) -> Result<()> {
        ports.disk.write_atomic(path, content, 0o600).map_err(|e| error::disk(path, &e))
    }

    fn audit_key(&self, ports: &Ports) -> Result<AuditKey> {
        let path = self.key_file();
        let text = ports.disk.read(&path).map_err(|e| error::disk(&path, &e))?;
        AuditKey::parse(&text).ok_or_else(|| {
            let shown = path.display();
            Diagnostic::new(Code::StateCorrupt, format!("{shown} is damaged"))
                .meaning("Without this key the audit chain can neither be checked nor go on.")
                .next(format!(
                    "Restore it from a backup (mode 600). Without one, remove it; the next run \
                     then says how a new chain is begun: rm '{shown}'"
                ))
        })
    }

    fn identify(&self, ports: &Ports) -> Result<HostIdentity> {
        let path = self.host_file();
        let bytes = ports.disk.read(&path).map_err(|e| error::disk(&path, &e))?;
        let file: HostFile = serde_json::from_slice(&bytes).map_err(|error| {
            Diagnostic::new(Code::StateCorrupt, format!("{} is damaged", path.display()))
                .next(
                    "Restore it from a backup. Without one, remove it: this host then counts as a \
                     new one, and applications keep the name that they got from the old one.",
                )
                .source(&error)
        })?;
        let user = ports.process.user();
        if file.owner != user.id {
            return Err(foreign(&self.path, file.owner, user.id));
        }
        let digest = machine_digest(&file.host_id, ports);
        Ok(HostIdentity {
            machine_changed: file.machine_digest.is_some() && file.machine_digest != digest,
            id: file.host_id,
            created_at: file.created_at,
        })
    }
}

fn foreign(path: &Path, owner: u32, user: u32) -> Diagnostic {
    let shown = path.display();
    Diagnostic::new(
        Code::StateFolder,
        format!("{shown} belongs to user {owner}, and this is user {user}"),
    )
    .meaning("State is kept by one user only, so that nobody else's files decide over credentials.")
    .next(format!("Run it as its owner (sudo -u '#{owner}' …), or name another place with --home."))
}

/// The machine id is not to be published (machine-id(5)), so only a digest of it is kept.
fn machine_digest(host_id: &str, ports: &Ports) -> Option<String> {
    let machine = ports.process.machine_id()?;
    Some(sha256(format!("{host_id}:{machine}").as_bytes()))
}

/// SHA-256 in upper hex.
pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02X}")).collect()
}
