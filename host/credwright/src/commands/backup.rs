//! `credwright backup`: the state in one file, while runs go on.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base::disk::LockAttempt;
use base::{Code, Diagnostic, Repeat, Result, SecretBytes};
use keystore::{KeyUri, Scheme};
use serde_json::json;
use state::Store;

use super::target::Target;
use crate::answer::Answer;
use crate::cli::Backup;
use crate::world::World;

/// How often it is tried again where a key is removed just while it is copied.
const ATTEMPTS: usize = 3;
/// The copy of the database, on its way into the archive.
const COPY: &str = ".backup.db";
/// What the names in the archive begin with: the state folder's own name.
const FOLDER: &str = "state";
const WRAPPING_KEY: &str = "wrapping.key";
/// What the software key store puts behind the name of a key.
const SEALED: &str = "sealed";

/// `credwright backup`.
///
/// # Errors
/// A file that cannot be written, a key that is missing, and as the state says.
pub fn backup(world: &World, wanted: &Backup) -> Result<Answer> {
    let Some(store) = world.existing_store()? else {
        return Err(Diagnostic::new(Code::UsageCommand, "There is no state here to back up")
            .next("Name its home with --home DIR."));
    };
    let target = Target::new(world, &wanted.file, wanted.force)?;
    let folder = store.folder().to_owned();
    let lock = folder.join("backup.lock");
    let held = world.ports.disk.lock(&lock, "").map_err(|error| unreadable(&lock, &error))?;
    let LockAttempt::Held(_held) = held else {
        return Err(Diagnostic::new(
            Code::StateLocked,
            "Another backup of this state is being made",
        )
        .repeat(Repeat::Later)
        .next("Wait until it has ended, then repeat the command."));
    };
    let archived = Attempt { world, store: &store, folder: &folder, wanted }.until_whole();
    remove_copy(world, &folder.join(COPY));
    let archive = archived?;
    target.write(archive.content.expose())?;
    Ok(told(world, wanted, &target.path, &archive))
}

fn told(world: &World, wanted: &Backup, path: &Path, archive: &Archive) -> Answer {
    let shown = path.display().to_string();
    let wrapping_key = archive.entries.contains(WRAPPING_KEY);
    world.screen.prose(&if wrapping_key {
        "It holds the wrapping key: whoever can read it has the private keys. Keep it like a \
         password."
            .to_owned()
    } else if wanted.with_wrapping_key {
        "There is no wrapping key yet, as nothing was sealed so far.".to_owned()
    } else {
        format!(
            "The wrapping key is not in it, so that the file alone gives nobody the private keys. \
             Keep a copy of {} in another place: without it the keys in the backup do not open. \
             (--with-wrapping-key puts it in.)",
            world
                .places()
                .map(|places| places.state.join("keys").join(WRAPPING_KEY))
                .map_or_else(|_| WRAPPING_KEY.to_owned(), |path| path.display().to_string())
        )
    });
    let text = format!(
        "{shown}: the database, {} private keys, {} certificates",
        archive.keys.len(),
        archive.certificates
    );
    let value = json!({
        "file": shown,
        "bytes": archive.content.expose().len(),
        "keys": archive.keys.len(),
        "certificates": archive.certificates,
        "wrapping_key": wrapping_key,
    });
    let mut answer = Answer::new(value, text);
    answer.document.changed = true;
    answer
}

/// An archive that was made, and what is in it.
struct Archive {
    content: SecretBytes,
    /// The names of the private keys.
    keys: BTreeSet<String>,
    certificates: usize,
    /// The file names of everything.
    entries: BTreeSet<String>,
}

struct Attempt<'a> {
    world: &'a World,
    store: &'a Store,
    folder: &'a Path,
    wanted: &'a Backup,
}

impl Attempt<'_> {
    /// Archives until every key that the database names is in the archive. One can be removed after
    /// the database was copied; the next copy then no longer names it.
    fn until_whole(&self) -> Result<Archive> {
        let mut missing = String::new();
        for _ in 0..ATTEMPTS {
            let (archive, lacking) = self.archive()?;
            match lacking {
                None => return Ok(archive),
                Some(uri) => missing = uri,
            }
        }
        Err(Diagnostic::new(Code::KeyNotFound, format!("The private key {missing} is not there"))
            .meaning(
                "The state names it, so a backup without it could not be gone back to. No file was \
                 written.",
            )
            .next(format!(
                "Restore it into {} from an older backup, or give the connector a new certificate.",
                self.folder.join("keys").display()
            )))
    }

    /// One archive, and a key that it lacks.
    fn archive(&self) -> Result<(Archive, Option<String>)> {
        let copy = self.folder.join(COPY);
        let copied = self.world.wait(self.store.copy_database(&copy))?;
        let mut tar = Tar::new(self.world);
        tar.folder(Path::new(FOLDER))?;
        // Where the archive is unpacked over a state whose program was killed, or still runs, an old
        // log would be applied to the restored database; an empty one is none. They come first, so
        // that the database never stands beside the old ones.
        tar.file(Path::new("state.db-wal"), b"")?;
        tar.file(Path::new("state.db-shm"), b"")?;
        tar.file(Path::new("state.db"), &self.read(&copy)?)?;
        for name in ["host.json", "audit.key"] {
            tar.file(Path::new(name), &self.read(&self.folder.join(name))?)?;
        }
        let keys = self.keys(&mut tar)?;
        let certificates = self.files(&mut tar, "certificates", |_| true)?.len();
        let (content, entries) = tar.end()?;
        let lacking = copied.key_uris.into_iter().find(|uri| match uri.parse::<KeyUri>() {
            Ok(key) => key.scheme() == Scheme::Software && !keys.contains(key.name()),
            Err(_) => true,
        });
        Ok((Archive { content, keys, certificates, entries }, lacking))
    }

    /// Adds the private keys, sealed as they are; answers their names.
    fn keys(&self, tar: &mut Tar) -> Result<BTreeSet<String>> {
        let with_wrapping_key = self.wanted.with_wrapping_key;
        let is_key = |path: &Path| path.extension().is_some_and(|ending| ending == SEALED);
        let is_wrapping = |path: &Path| path.file_name().is_some_and(|name| name == WRAPPING_KEY);
        let added =
            self.files(tar, "keys", |path| is_key(path) || with_wrapping_key && is_wrapping(path))?;
        let names = added.iter().filter(|path| is_key(path)).filter_map(|path| path.file_stem());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    /// Adds the files of a folder that are wanted; answers which were there.
    fn files(
        &self,
        tar: &mut Tar,
        folder: &str,
        wanted: impl Fn(&Path) -> bool,
    ) -> Result<Vec<PathBuf>> {
        let disk = &self.world.ports.disk;
        let path = self.folder.join(folder);
        let listed = match disk.list(&path) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&path, &error)),
        };
        tar.folder(&Path::new(FOLDER).join(folder))?;
        let mut added = Vec::new();
        for file in listed.into_iter().filter(|file| wanted(file)) {
            match disk.read(&file) {
                Ok(content) => {
                    let name = file.file_name().unwrap_or_default();
                    tar.file(&Path::new(folder).join(name), SecretBytes::new(content).expose())?;
                    added.push(file);
                }
                // Removed since: whether it should be there, the database says.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&file, &error)),
            }
        }
        Ok(added)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.world.ports.disk.read(path).map_err(|error| unreadable(path, &error))
    }
}

/// An archive in the making. It is made in memory, because it is written whole or not at all; what
/// takes most of it is the database.
struct Tar {
    builder: tar::Builder<Vec<u8>>,
    owner: u64,
    now: u64,
    entries: BTreeSet<String>,
}

impl Tar {
    fn new(world: &World) -> Self {
        Self {
            builder: tar::Builder::new(Vec::new()),
            owner: world.ports.process.user().id.into(),
            now: u64::try_from(world.ports.clock.now().as_millis() / 1000).unwrap_or(0),
            entries: BTreeSet::new(),
        }
    }

    fn header(&self, kind: tar::EntryType, mode: u32, size: usize) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size as u64);
        // Unpacked by root it belongs to the user of this state again.
        header.set_uid(self.owner);
        header.set_gid(0);
        header.set_mtime(self.now);
        header
    }

    fn folder(&mut self, path: &Path) -> Result<()> {
        let mut header = self.header(tar::EntryType::Directory, 0o700, 0);
        self.builder
            .append_data(&mut header, path, &[][..])
            .map_err(|error| unarchived(path, &error))
    }

    fn file(&mut self, path: &Path, content: &[u8]) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.entries.insert(name);
        let path = Path::new(FOLDER).join(path);
        let mut header = self.header(tar::EntryType::Regular, 0o600, content.len());
        let added = self.builder.append_data(&mut header, &path, content);
        added.map_err(|error| unarchived(&path, &error))
    }

    fn end(self) -> Result<(SecretBytes, BTreeSet<String>)> {
        let ended = self.builder.into_inner();
        let content = ended.map_err(|error| unarchived(Path::new(FOLDER), &error))?;
        Ok((SecretBytes::new(content), self.entries))
    }
}

fn remove_copy(world: &World, copy: &Path) {
    match world.ports.disk.remove_file(copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "the copy of the database was not removed");
        }
        _ => {}
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let shown = path.display();
    Diagnostic::new(Code::DiskFailed, format!("{shown} cannot be read"))
        .next(format!("Look at it: ls -ld '{shown}'"))
        .source(error)
}

fn unarchived(path: &Path, error: &std::io::Error) -> Diagnostic {
    let what = format!("{} cannot be put into the archive", path.display());
    Diagnostic::new(Code::Internal, what).source(error)
}
