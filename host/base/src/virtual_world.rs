//! Deterministic ports: a world in memory whose time jumps while its script waits.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::Ports;
use crate::clock::{BootTime, Clock, Hold, Timestamp};
use crate::disk::{Disk, FileKind, FileStatus, LockAttempt, LockGuard};
use crate::executor::Executor;
use crate::process::{Command, Finished, Process, ProcessIdentity, User};
use crate::random::SeededRandom;

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

/// A clock that stands still while anything works, and jumps to the earliest sleeper when
/// everything in the world waits.
#[derive(Clone)]
pub struct VirtualClock(Arc<Shared>);

struct Shared {
    state: Mutex<ClockState>,
    changed: Condvar,
}

struct ClockState {
    now: Timestamp,
    next_sleeper: u64,
    sleepers: BTreeMap<(Timestamp, u64), Option<Waker>>,
    /// Threads inside [`VirtualClock::drive`] whose future has work to do.
    busy: usize,
    /// Things outside virtual time that are awaited.
    holds: usize,
}

impl VirtualClock {
    /// A clock that reads `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(ClockState {
                now: start,
                next_sleeper: 0,
                sleepers: BTreeMap::new(),
                busy: 0,
                holds: 0,
            }),
            changed: Condvar::new(),
        }))
    }

    /// The same time, but read as a clock that is `skew` fast.
    #[must_use]
    pub fn fast_by(&self, skew: Duration) -> SkewedClock {
        SkewedClock { clock: self.clone(), skew }
    }

    fn drive(&self, mut work: Pin<&mut dyn Future<Output = ()>>) {
        let signal = Arc::new(Signal { woken: AtomicBool::new(true), shared: self.0.clone() });
        let waker = Waker::from(signal.clone());
        let mut context = Context::from_waker(&waker);
        locked(&self.0.state).busy += 1;
        loop {
            signal.woken.store(false, Ordering::SeqCst);
            if work.as_mut().poll(&mut context).is_ready() {
                locked(&self.0.state).busy -= 1;
                self.0.changed.notify_all();
                return;
            }
            self.wait(&signal);
        }
    }

    /// Waits until `signal` was woken, jumping in time where nothing else can move.
    fn wait(&self, signal: &Signal) {
        let mut state = locked(&self.0.state);
        state.busy -= 1;
        self.0.changed.notify_all();
        while !signal.woken.load(Ordering::SeqCst) {
            let idle = state.busy == 0 && state.holds == 0;
            match state.sleepers.first_key_value() {
                Some((&(deadline, _), Some(_))) if idle => {
                    state.now = state.now.max(deadline);
                    let wakers: Vec<Waker> = state
                        .sleepers
                        .range_mut(..=(deadline, u64::MAX))
                        .filter_map(|(_, waker)| waker.take())
                        .collect();
                    drop(state);
                    wakers.into_iter().for_each(Waker::wake);
                    state = locked(&self.0.state);
                }
                _ => {
                    state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        state.busy += 1;
    }
}

/// Wakes a thread that drives a future. It counts as busy only once it runs again, so a wake
/// must reach it before time may jump: the flag is looked at under the clock's lock.
struct Signal {
    woken: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _state = locked(&self.shared.state);
        self.woken.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        locked(&self.0.state).now
    }

    fn boot_time(&self) -> BootTime {
        BootTime { boot_id: "virtual-boot".to_owned(), millis: self.now().as_millis() }
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let deadline = self.now().plus(span);
        Box::pin(Sleep { clock: self.clone(), deadline, key: None })
    }

    fn hold(&self) -> Hold {
        locked(&self.0.state).holds += 1;
        let shared = self.0.clone();
        Hold(Some(Box::new(move || {
            locked(&shared.state).holds -= 1;
            shared.changed.notify_all();
        })))
    }
}

struct Sleep {
    clock: VirtualClock,
    deadline: Timestamp,
    key: Option<(Timestamp, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = locked(&clock.0.state);
        if state.now >= self.deadline {
            if let Some(key) = self.key.take() {
                state.sleepers.remove(&key);
            }
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let key = *self.key.get_or_insert_with(|| {
            state.next_sleeper += 1;
            (deadline, state.next_sleeper)
        });
        state.sleepers.insert(key, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            locked(&self.clock.0.state).sleepers.remove(&key);
        }
    }
}

/// A wrong clock over a right one. See [`VirtualClock::fast_by`].
#[derive(Clone)]
pub struct SkewedClock {
    clock: VirtualClock,
    skew: Duration,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.clock.now().plus(self.skew)
    }

    fn boot_time(&self) -> BootTime {
        self.clock.boot_time()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(span)
    }

    fn hold(&self) -> Hold {
        self.clock.hold()
    }
}

/// Files in memory. Every file is owned by user 1000 unless a test says otherwise.
#[derive(Default)]
pub struct MemoryDisk {
    files: Mutex<BTreeMap<PathBuf, (Vec<u8>, FileStatus)>>,
    locks: Arc<Mutex<HashMap<PathBuf, String>>>,
    full: AtomicBool,
}

impl MemoryDisk {
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
        let mut locks = locked(&self.locks);
        if let Some(holder) = locks.get(path) {
            return Ok(LockAttempt::Taken(holder.clone()));
        }
        locks.insert(path.to_owned(), holder.to_owned());
        Ok(LockAttempt::Held(Box::new(MemoryLock {
            locks: self.locks.clone(),
            path: path.to_owned(),
        })))
    }
}

struct MemoryLock {
    locks: Arc<Mutex<HashMap<PathBuf, String>>>,
    path: PathBuf,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        locked(&self.locks).remove(&self.path);
    }
}

/// Answers a program that a script runs. See [`VirtualProcess::programs`].
pub type Program = Box<dyn Fn(&Command) -> io::Result<Finished> + Send>;

/// A host called `HOST`, whose programs are closures.
#[derive(Default)]
pub struct VirtualProcess {
    /// The environment.
    pub variables: Mutex<HashMap<String, String>>,
    /// Programs by name.
    pub programs: Mutex<HashMap<String, Program>>,
}

impl Process for VirtualProcess {
    fn environment(&self, name: &str) -> Option<String> {
        locked(&self.variables).get(name).cloned()
    }

    fn user(&self) -> User {
        User { id: 1000, name: "admin".to_owned(), home: Some(PathBuf::from("/home/admin")) }
    }

    fn host_name(&self) -> String {
        "HOST".to_owned()
    }

    fn machine_id(&self) -> Option<String> {
        Some("00000000000000000000000000000001".to_owned())
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity { pid: 1, started: 1 }
    }

    fn is_running(&self, process: &ProcessIdentity) -> bool {
        *process == self.identity()
    }

    fn run(&self, command: Command) -> BoxFuture<'static, io::Result<Finished>> {
        let programs = locked(&self.programs);
        let program = command.words.first().and_then(|name| programs.get(name));
        let finished = match program {
            Some(program) => program(&command),
            None => Err(not_found()),
        };
        Box::pin(std::future::ready(finished))
    }
}

#[cfg(test)]
mod tests {
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
        assert!(locked(&world.clock.0.state).sleepers.is_empty(), "a dropped sleeper stays behind");
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
