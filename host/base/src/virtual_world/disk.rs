//! A disk in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::locked;
use crate::disk::{Disk, FileKind, FileStatus, LockAttempt, LockGuard};

/// Files in memory. Every file is owned by user 1000 unless a test says otherwise.
#[derive(Default)]
pub struct MemoryDisk {
    files: Mutex<BTreeMap<PathBuf, (Vec<u8>, FileStatus)>>,
    locks: Arc<Mutex<HashMap<PathBuf, HeldLock>>>,
    last_lock: AtomicU64,
    full: AtomicBool,
    database: Mutex<Option<PathBuf>>,
}

/// A lock that somebody holds.
struct HeldLock {
    /// What the holder wrote into the file.
    holder: String,
    /// The process; 0 for nobody's.
    process: u64,
    /// Tells this lock from a later one of the same file.
    number: u64,
}

impl MemoryDisk {
    /// From now on writing this file stands for a commit of a database in memory.
    pub fn set_database(&self, path: &Path) {
        *locked(&self.database) = Some(path.to_owned());
    }

    pub(super) fn is_database(&self, path: &Path) -> bool {
        locked(&self.database).as_deref() == Some(path)
    }

    /// Every file with its content, sorted by path.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = locked(&self.files);
        let only_files = files.iter().filter(|(_, (_, status))| status.kind == FileKind::File);
        only_files.map(|(path, (content, _))| (path.clone(), content.clone())).collect()
    }

    /// Takes a lock for the process of that serial number.
    pub(super) fn lock_for(&self, process: u64, path: &Path, holder: &str) -> LockAttempt {
        let mut locks = locked(&self.locks);
        if let Some(held) = locks.get(path) {
            return LockAttempt::Taken(held.holder.clone());
        }
        let number = self.last_lock.fetch_add(1, Ordering::SeqCst) + 1;
        locks.insert(path.to_owned(), HeldLock { holder: holder.to_owned(), process, number });
        let lock = MemoryLock { locks: self.locks.clone(), path: path.to_owned(), number };
        LockAttempt::Held(Box::new(lock))
    }

    /// Frees what a process held, as the kernel does when it dies.
    pub(super) fn free_locks_of(&self, process: u64) {
        locked(&self.locks).retain(|_, held| held.process != process);
    }

    /// From now on every write fails for lack of space, or no longer does.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Changes the recorded status of a path, as another user or program might.
    pub fn set_status(&self, path: &Path, change: impl FnOnce(&mut FileStatus)) {
        if let Some((_, status)) = locked(&self.files).get_mut(path) {
            change(status);
        }
    }

    fn room(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        Ok(())
    }
}

fn entry(kind: FileKind, length: usize, mode: u32) -> FileStatus {
    FileStatus { kind, length: length as u64, mode, owner: 1000 }
}

fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such file or folder")
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let files = locked(&self.files);
        files.get(path).map(|(content, _)| content.clone()).ok_or_else(not_found)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        self.room()?;
        let mut files = locked(&self.files);
        if path.parent().is_some_and(|folder| !files.contains_key(folder)) {
            return Err(not_found());
        }
        let status = entry(FileKind::File, content.len(), mode);
        files.insert(path.to_owned(), (content.to_vec(), status));
        Ok(())
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.room()?;
        let mut files = locked(&self.files);
        for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            files
                .entry(folder.to_owned())
                .or_insert_with(|| (Vec::new(), entry(FileKind::Folder, 0, mode)));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        locked(&self.files).remove(path).map(drop).ok_or_else(not_found)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut files = locked(&self.files);
        let before = files.len();
        files.retain(|name, _| !name.starts_with(path));
        if files.len() == before { Err(not_found()) } else { Ok(()) }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let files = locked(&self.files);
        if !files.contains_key(path) {
            return Err(not_found());
        }
        Ok(files.keys().filter(|name| name.parent() == Some(path)).cloned().collect())
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        locked(&self.files).get(path).map(|(_, status)| status.clone()).ok_or_else(not_found)
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        Ok(if self.full.load(Ordering::SeqCst) { 0 } else { 1 << 40 })
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        Ok(self.lock_for(0, path, holder))
    }
}

struct MemoryLock {
    locks: Arc<Mutex<HashMap<PathBuf, HeldLock>>>,
    path: PathBuf,
    number: u64,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut locks = locked(&self.locks);
        // Its process may have died, and another one have taken the lock since.
        if locks.get(&self.path).is_some_and(|held| held.number == self.number) {
            locks.remove(&self.path);
        }
    }
}
