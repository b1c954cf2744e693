//! Deterministic ports: a world in memory whose time jumps while its script waits, and whose
//! processes can be killed at every one of their operations.

mod clock;
mod disk;
mod life;
mod machine;
mod moment;
mod ports;
mod process;
#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Ports;
use crate::clock::{Clock, Timestamp};
use crate::executor::Executor;
use crate::random::SeededRandom;

use machine::Machine;
use ports::{ProcessClock, ProcessDisk};

pub use clock::{SkewedClock, VirtualClock};
pub use disk::MemoryDisk;
pub use life::Moment;
pub use moment::{Fate, Kind, Operation};
pub use process::{Program, VirtualProcess};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A virtual world as one process sees it, kept as its own types so that tests can reach into it.
/// Clones are the same process; [`VirtualWorld::next_process`] is another one.
#[derive(Clone)]
pub struct VirtualWorld {
    /// Time, as it really is. What the machine's wall clock makes of it is another thing: see
    /// [`VirtualWorld::set_clock`].
    pub clock: VirtualClock,
    /// Files, looked at from outside of every process.
    pub disk: Arc<MemoryDisk>,
    /// The process.
    pub process: Arc<VirtualProcess>,
    random: Arc<SeededRandom>,
    runtime: Arc<tokio::runtime::Runtime>,
}

impl VirtualWorld {
    /// A world that starts at `start` and whose randomness grows from `seed`, with a first process.
    ///
    /// # Errors
    /// Where the operating system gives no thread for what lies outside virtual time (databases).
    pub fn new(seed: u64, start: Timestamp) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let disk = Arc::<MemoryDisk>::default();
        Ok(Self {
            process: started(&Machine::new(start), &disk),
            clock: VirtualClock::new(start),
            disk,
            random: Arc::new(SeededRandom::new(seed)),
            runtime: Arc::new(runtime),
        })
    }

    /// The ports of this process. They answer "dead" once it was killed.
    pub fn ports(&self) -> Ports {
        let process = self.process.clone();
        Ports {
            clock: Arc::new(ProcessClock { clock: self.clock.clone(), process: process.clone() }),
            disk: Arc::new(ProcessDisk { disk: self.disk.clone(), process: process.clone() }),
            process,
            ..self.outside()
        }
    }

    /// The ports of something else in this world, such as a tenant: it shares time and randomness,
    /// but neither the machine's wall clock nor the fate of a process.
    pub fn outside(&self) -> Ports {
        Ports {
            clock: Arc::new(self.clock.clone()),
            random: self.random.clone(),
            disk: self.disk.clone(),
            process: Arc::new(VirtualProcess::default()),
            executor: Arc::new(self.clone()),
        }
    }

    /// The same world as another process of the same machine sees it. This one is left as it is.
    #[must_use]
    pub fn next_process(&self) -> Self {
        let process = started(&self.process.machine, &self.disk);
        Self { process, ..self.clone() }
    }

    /// Boots the machine anew. All its processes are dead then; see [`VirtualWorld::next_process`].
    pub fn reboot(&self) {
        self.process.machine.reboot(self.clock.now());
    }

    /// Sets the machine's wall clock. Neither its boot-time clock nor a sleeper takes notice.
    pub fn set_clock(&self, wall: Timestamp) {
        self.process.machine.set_wall(self.clock.now(), wall);
    }

    /// Everything is on another machine from now on, as after a clone of a disk.
    pub fn set_machine_id(&self, id: &str) {
        self.process.machine.set_id(id);
    }
}

fn started(machine: &Arc<Machine>, disk: &Arc<MemoryDisk>) -> Arc<VirtualProcess> {
    let process = Arc::new(VirtualProcess::start(machine));
    let (disk, serial) = (disk.clone(), process.life.serial);
    process.at_death(move || disk.free_locks_of(serial));
    process
}

impl Executor for VirtualWorld {
    fn drive(&self, work: Pin<&mut dyn Future<Output = ()>>) {
        let _entered = self.runtime.enter();
        self.clock.drive(work);
    }
}
