//! Whether a process lives, what it has done, and what is planned for it.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::locked;
use super::moment::{Fate, Kind, Operation};

/// What happens when a process dies.
type Will = Box<dyn FnOnce() + Send>;

/// The life of one process. A thread that belonged to a dead process still runs in this one, until
/// it has unwound; whatever it tries is refused here.
#[derive(Default)]
pub(super) struct Life {
    /// Tells it from every other process of its machine, also after a boot.
    pub(super) serial: u64,
    dead: AtomicBool,
    died: Notify,
    /// Milliseconds that sleeps after death did not wait for.
    skipped: AtomicI64,
    history: Mutex<History>,
    wills: Mutex<Vec<Will>>,
}

#[derive(Default)]
struct History {
    operations: Vec<Operation>,
    planned: Vec<(usize, Fate)>,
    /// Death comes with the next operation.
    dying: bool,
    /// What became of the disk for this process.
    disk: Option<Fate>,
}

impl Life {
    pub(super) fn new(serial: u64) -> Self {
        Self { serial, ..Self::default() }
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.dead.load(Ordering::SeqCst)
    }

    /// An error where the process is dead.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_alive() { Ok(()) } else { Err(dead()) }
    }

    pub(super) fn kill(&self) {
        if self.dead.swap(true, Ordering::SeqCst) {
            return;
        }
        let wills = std::mem::take(&mut *locked(&self.wills));
        wills.into_iter().for_each(|will| will());
        self.died.notify_waiters();
    }

    pub(super) fn at_death(&self, will: Will) {
        if self.is_alive() {
            locked(&self.wills).push(will);
        } else {
            will();
        }
    }

    /// Completes when the process is dead.
    pub(super) async fn died(&self) {
        loop {
            let died = self.died.notified();
            if !self.is_alive() {
                return;
            }
            died.await;
        }
    }

    /// A sleep of a dead process is over at once. Its own clocks go on by what it would have slept,
    /// so that whatever it waits for comes to the end of its patience.
    pub(super) fn skip(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let add = |skipped: i64| Some(skipped.saturating_add(millis));
        // The update cannot fail: `add` always answers.
        let _ = self.skipped.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
    }

    pub(super) fn skipped(&self) -> i64 {
        self.skipped.load(Ordering::SeqCst)
    }

    pub(super) fn plan(&self, number: usize, fate: Fate) {
        locked(&self.history).planned.push((number, fate));
    }

    pub(super) fn count_anew(&self) {
        locked(&self.history).operations.clear();
    }

    pub(super) fn forget_plans(&self) {
        let dying = {
            let mut history = locked(&self.history);
            history.planned.clear();
            history.disk = None;
            std::mem::take(&mut history.dying)
        };
        if dying {
            self.kill();
        }
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        locked(&self.history).operations.clone()
    }

    pub(super) fn disk_is_full(&self) -> bool {
        locked(&self.history).disk == Some(Fate::DiskStaysFull)
    }

    /// Counts an operation that is about to be done, and meets what is planned for it.
    pub(super) fn begin(&self, kind: Kind, text: String) -> io::Result<Moment<'_>> {
        self.check()?;
        let fate = locked(&self.history).meet(kind, text);
        match fate {
            Some(Fate::KillBefore) => {
                self.kill();
                Err(dead())
            }
            Some(Fate::DiskFull | Fate::DiskStaysFull) => {
                Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"))
            }
            Some(Fate::IoError | Fate::WritesFail) => Err(io::Error::other("input/output error")),
            fate => Ok(Moment { life: self, fate }),
        }
    }
}

impl History {
    fn meet(&mut self, kind: Kind, text: String) -> Option<Fate> {
        if self.dying {
            return Some(Fate::KillBefore);
        }
        let number = self.operations.len() + 1;
        let due = self.planned.iter().position(|(at, fate)| *at <= number && fate.applies_to(kind));
        let fate = due.map(|place| match self.planned[place].1 {
            fate if fate.lasts() => fate,
            _ => self.planned.remove(place).1,
        });
        self.operations.push(Operation { number, kind, text, fate });
        match fate {
            Some(Fate::DiskStaysFull | Fate::WritesFail) => self.disk = fate,
            Some(Fate::KillAfter) if kind == Kind::Commit => {
                self.dying = true;
                return None;
            }
            _ => {}
        }
        fate
    }
}

/// An operation that is being done.
#[must_use = "an operation that never ends cannot be died after"]
pub struct Moment<'a> {
    life: &'a Life,
    fate: Option<Fate>,
}

impl Moment<'_> {
    /// What the one who does it must let happen: `AnswerLost`, `NotSent`, `Throttled` or nothing.
    /// Everything else is seen to.
    pub fn fate(&self) -> Option<Fate> {
        self.fate.filter(|fate| !fate.is_death())
    }

    /// It is done.
    ///
    /// # Errors
    /// Where the process is dead by now.
    pub fn end(self) -> io::Result<()> {
        if self.fate == Some(Fate::KillAfter) {
            self.life.kill();
        }
        self.life.check()
    }
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}
