//! Deterministic ports: a world in memory whose time jumps while its script waits.

mod clock;
mod disk;
mod process;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Ports;
use crate::clock::Timestamp;
use crate::executor::Executor;
use crate::random::SeededRandom;

pub use clock::{SkewedClock, VirtualClock};
pub use disk::MemoryDisk;
pub use process::{Program, VirtualProcess};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ports of one virtual world, kept as their own types so that tests can reach into them.
#[derive(Clone)]
pub struct VirtualWorld {
    /// Time.
    pub clock: VirtualClock,
    /// Files.
    pub disk: Arc<MemoryDisk>,
    /// The host.
    pub process: Arc<VirtualProcess>,
    random: Arc<SeededRandom>,
    runtime: Arc<tokio::runtime::Runtime>,
}

impl VirtualWorld {
    /// A world that starts at `start` and whose randomness grows from `seed`.
    ///
    /// # Errors
    /// Where the operating system gives no thread for what lies outside virtual time (databases).
    pub fn new(seed: u64, start: Timestamp) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self {
            clock: VirtualClock::new(start),
            disk: Arc::default(),
            process: Arc::default(),
            random: Arc::new(SeededRandom::new(seed)),
            runtime: Arc::new(runtime),
        })
    }

    /// The same world as ports.
    pub fn ports(&self) -> Ports {
        Ports {
            clock: Arc::new(self.clock.clone()),
            random: self.random.clone(),
            disk: self.disk.clone(),
            process: self.process.clone(),
            executor: Arc::new(self.clone()),
        }
    }
}

impl Executor for VirtualWorld {
    fn drive(&self, work: Pin<&mut dyn Future<Output = ()>>) {
        let _entered = self.runtime.enter();
        self.clock.drive(work);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::clock::timeout;

    fn world() -> VirtualWorld {
        VirtualWorld::new(1, Timestamp::from_seconds(1_000)).unwrap()
    }

    #[test]
    fn time_jumps_to_the_earliest_sleeper() {
        let world = world();
        let ports = world.ports();
        let clock = &ports.clock;
        ports.executor.block_on(async {
            let short = timeout(&**clock, Duration::from_secs(5), clock.sleep(Duration::MAX)).await;
            assert!(short.is_err());
            assert_eq!(clock.now(), Timestamp::from_seconds(1_005));
        });
        assert_eq!(world.clock.sleepers(), 0, "a dropped sleeper stays behind");
    }

    #[test]
    fn time_stands_still_while_the_outside_works() {
        let world = world();
        let ports = world.ports();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let hold = ports.clock.hold();
        let outside = std::thread::spawn(move || {
            sender.send(()).unwrap();
        });
        ports.executor.block_on(async {
            let answer = async {
                receiver.await.unwrap();
                drop(hold);
                7
            };
            let answer = timeout(&*ports.clock, Duration::from_secs(1), answer).await;
            assert_eq!(answer, Ok(7));
        });
        assert_eq!(ports.clock.now(), Timestamp::from_seconds(1_000));
        outside.join().unwrap();
    }

    #[test]
    fn time_waits_for_a_thread_that_was_just_woken() {
        for _ in 0..200 {
            let world = world();
            let (ports, other) = (world.ports(), world.ports());
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let start = Arc::new(std::sync::Barrier::new(2));
            let begun = start.clone();
            let thread = std::thread::spawn(move || {
                other.executor.block_on(async {
                    begun.wait();
                    receiver.await.unwrap();
                    other.clock.now()
                })
            });
            ports.executor.block_on(async {
                start.wait();
                ports.clock.sleep(Duration::from_secs(1)).await;
                sender.send(()).unwrap();
                ports.clock.sleep(Duration::from_secs(1)).await;
            });
            assert_eq!(thread.join().unwrap(), Timestamp::from_seconds(1_001));
        }
    }

    #[test]
    fn a_full_disk_refuses_and_keeps_the_old_content() {
        let world = world();
        let ports = world.ports();
        let (folder, file) = (Path::new("/state"), Path::new("/state/a"));
        ports.disk.create_folder(folder, 0o700).unwrap();
        ports.disk.write_atomic(file, b"one", 0o600).unwrap();
        world.disk.set_full(true);
        let error = ports.disk.write_atomic(file, b"two", 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(ports.disk.read(file).unwrap(), b"one");
        assert_eq!(ports.disk.list(folder).unwrap(), [file]);
    }
}
