//! Strands: the threads of one evaluation, and what belongs to each of them alone.
//!
//! The functions of an engine share one [`Running`](crate::running::Running). Which of its strands
//! calls them is known by the thread they are called on.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::clock::Hold;
use effect::Branch;

/// How many threads an evaluation may start beside its first.
const THREADS: usize = 64;

thread_local! {
    /// The strands that this thread runs, the innermost last. Empty on the first thread of an
    /// evaluation: it runs the trunk.
    static HERE: RefCell<Vec<Arc<Strand>>> = const { RefCell::new(Vec::new()) };
}

/// One line of work in a script: the trunk, or the work on one item of `parallel`.
pub(crate) struct Strand {
    branch: Arc<Branch>,
    /// How many calls of `parallel` are around it.
    pub(crate) depth: usize,
    /// How many threads may be started below it. Strands share them out when they fork, so that what
    /// one may start does not depend on how fast another is.
    pub(crate) threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Keeps virtual time still while the strand works.
    hold: Option<Hold>,
    failed_steps: Vec<String>,
    aftermath: Vec<String>,
}

impl Strand {
    /// The strand that an evaluation begins with.
    pub(crate) fn trunk(branch: Arc<Branch>, hold: Option<Hold>) -> Self {
        let state = Mutex::new(State { hold, ..State::default() });
        Self { branch, depth: 0, threads: THREADS, state }
    }

    /// A strand below this one.
    pub(crate) fn fork(&self, label: &str, threads: usize, hold: Option<Hold>) -> Self {
        let state = Mutex::new(State { hold, ..State::default() });
        Self { branch: Arc::new(self.branch.fork(label)), depth: self.depth + 1, threads, state }
    }

    /// Where its calls are journalled.
    pub(crate) fn branch(&self) -> &Branch {
        &self.branch
    }

    pub(crate) fn take_hold(&self) -> Option<Hold> {
        self.state().hold.take()
    }

    pub(crate) fn keep_hold(&self, hold: Hold) {
        self.state().hold = Some(hold);
    }

    pub(crate) fn note_failed_step(&self, name: String) {
        self.state().failed_steps.push(name);
    }

    pub(crate) fn note_aftermath(&self, aftermath: String) {
        self.state().aftermath.push(aftermath);
    }

    /// What is to be said beside its failure: the failed steps around it, a pause that stayed.
    pub(crate) fn aftermath(&self) -> Vec<String> {
        let mut state = self.state();
        let mut steps = std::mem::take(&mut state.failed_steps);
        steps.reverse();
        let mut told = std::mem::take(&mut state.aftermath);
        if !steps.is_empty() {
            told.insert(0, format!("in the step: {}", steps.join(" › ")));
        }
        told
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The strand that this thread runs, where it is not the first thread of its evaluation.
pub(crate) fn here() -> Option<Arc<Strand>> {
    HERE.with_borrow(|strands| strands.last().cloned())
}

/// Makes `strand` the one that this thread runs, until the answer is dropped.
pub(crate) fn enter(strand: Arc<Strand>) -> Here {
    HERE.with_borrow_mut(|strands| strands.push(strand));
    Here(())
}

/// See [`enter`].
pub(crate) struct Here(());

impl Drop for Here {
    fn drop(&mut self) {
        HERE.with_borrow_mut(Vec::pop);
    }
}

/// Counts the time in which at least one strand works, and none of it twice.
#[derive(Default)]
pub(crate) struct Stopwatch(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    working: usize,
    since: i64,
    spent: i64,
}

impl Stopwatch {
    /// One more strand works from `now` on.
    pub(crate) fn start(&self, now: i64) {
        let mut counted = self.counted();
        if counted.working == 0 {
            counted.since = now;
        }
        counted.working += 1;
    }

    /// One strand less works from `now` on.
    pub(crate) fn stop(&self, now: i64) {
        let mut counted = self.counted();
        counted.working = counted.working.saturating_sub(1);
        if counted.working == 0 {
            counted.spent += now - counted.since;
        }
    }

    /// The milliseconds that were worked until `now`.
    pub(crate) fn spent(&self, now: i64) -> i64 {
        let counted = self.counted();
        counted.spent + if counted.working == 0 { 0 } else { now - counted.since }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_several_work_at_once_counts_once() {
        let watch = Stopwatch::default();
        watch.start(0);
        watch.start(10);
        watch.stop(20);
        assert_eq!(watch.spent(30), 30);
        watch.stop(40);
        assert_eq!(watch.spent(100), 40);
        watch.start(100);
        assert_eq!(watch.spent(101), 41);
    }

    #[test]
    fn a_thread_runs_the_strand_it_entered_last() {
        let path = || here().map(|strand| strand.branch().path().to_owned());
        assert_eq!(path(), None);
        let outer = Arc::new(Strand::trunk(Arc::default(), None).fork("1.0 a", 8, None));
        let entered = enter(outer.clone());
        let inner = enter(Arc::new(outer.fork("1.1 b", 0, None)));
        assert_eq!(path().unwrap(), "1.0 a/1.1 b");
        drop(inner);
        assert_eq!(path().unwrap(), "1.0 a");
        drop(entered);
        assert_eq!(path(), None);
    }
}
