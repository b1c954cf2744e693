//! Disk and clock as one process sees them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, select};

use super::clock::VirtualClock;
use super::disk::MemoryDisk;
use super::moment::Kind;
use super::process::VirtualProcess;
use crate::clock::{BootTime, Clock, Hold, Timestamp};
use crate::disk::{Disk, FileStatus, LockAttempt};

/// The world's disk, used by one process.
pub(super) struct ProcessDisk {
    pub(super) disk: Arc<MemoryDisk>,
    pub(super) process: Arc<VirtualProcess>,
}

impl ProcessDisk {
    fn looked(&self) -> io::Result<&MemoryDisk> {
        self.process.life.check().map(|()| &*self.disk)
    }

    fn changed(
        &self,
        kind: Kind,
        path: &Path,
        act: impl FnOnce(&MemoryDisk) -> io::Result<()>,
    ) -> io::Result<()> {
        let moment = self.process.begin(kind, path.display().to_string())?;
        let result = act(&self.disk);
        moment.end()?;
        result
    }
}

impl Disk for ProcessDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.looked()?.read(path)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let kind = if self.disk.is_database(path) { Kind::Commit } else { Kind::Write };
        self.changed(kind, path, |disk| disk.write_atomic(path, content, mode))
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        // One that is there is left as it is: that is no operation.
        if self.looked()?.status(path).is_ok() {
            return self.disk.create_folder(path, mode);
        }
        self.changed(Kind::CreateFolder, path, |disk| disk.create_folder(path, mode))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.changed(Kind::Remove, path, |disk| disk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.changed(Kind::Remove, path, |disk| disk.remove_folder(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.looked()?.list(path)
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        self.looked()?.status(path)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let free = self.looked()?.free_space(path)?;
        Ok(if self.process.life.disk_is_full() { 0 } else { free })
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        Ok(self.looked()?.lock_for(self.process.life.serial, path, holder))
    }
}

/// The clocks of a machine, read by one process.
pub(super) struct ProcessClock {
    pub(super) clock: VirtualClock,
    pub(super) process: Arc<VirtualProcess>,
}

impl ProcessClock {
    /// The world's time; later by what the process slept after its death.
    fn time(&self) -> Timestamp {
        let skipped = self.process.life.skipped();
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(skipped))
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        self.process.machine.wall(self.time())
    }

    fn boot_time(&self) -> BootTime {
        self.process.machine.boot_time(self.time())
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let (life, sleep) = (self.process.life.clone(), self.clock.sleep(span));
        Box::pin(async move {
            select(std::pin::pin!(life.died()), sleep).await;
            if !life.is_alive() {
                life.skip(span);
            }
        })
    }

    fn hold(&self) -> Hold {
        self.clock.hold()
    }
}
