//! Virtual time.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use super::locked;
use crate::clock::{BootTime, Clock, Hold, Timestamp};

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

    #[cfg(test)]
    pub(super) fn sleepers(&self) -> usize {
        locked(&self.0.state).sleepers.len()
    }

    /// The same time, but read as a clock that is `skew` fast.
    #[must_use]
    pub fn fast_by(&self, skew: Duration) -> SkewedClock {
        SkewedClock { clock: self.clone(), skew }
    }

    pub(super) fn drive(&self, mut work: Pin<&mut dyn Future<Output = ()>>) {
        let signal = Arc::new(Signal {
            woken: AtomicBool::new(true),
            parked: AtomicBool::new(false),
            shared: self.0.clone(),
        });
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
        if signal.woken.load(Ordering::SeqCst) {
            return;
        }
        state.busy -= 1;
        signal.parked.store(true, Ordering::SeqCst);
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
    }
}

/// Wakes a thread that drives a future. Whoever wakes it counts it as busy at once: else time could
/// jump in another thread before this one runs again.
struct Signal {
    woken: AtomicBool,
    parked: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = locked(&self.shared.state);
        self.woken.store(true, Ordering::SeqCst);
        if self.parked.swap(false, Ordering::SeqCst) {
            state.busy += 1;
        }
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
