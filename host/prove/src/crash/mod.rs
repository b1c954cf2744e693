//! The crash matrix: one script, and everything that can go wrong with it.
//!
//! A [`Scenario`] is run once to learn its operations. Then, for every operation and every fate that
//! can meet it, a fresh world of the same seed runs it again with that going wrong; the process is
//! restarted, what the scenario calls its recovery is run, and the rules are looked at. Pairs of
//! fates, the second one during the recovery, are sampled by the seed.

mod case;
mod judge;
mod report;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base::random::SeededRandom;
use base::virtual_world::{Fate, Kind, Operation};
use base::{Random, Result};

pub use case::{Case, Strike};
pub use report::{Failure, Report};

use crate::host::{Ended, Host, Workshop};
use judge::{Judged, judge};

type Prepare = Box<dyn Fn(&Host) -> Result<()> + Send + Sync>;
type Recover = Box<dyn Fn(&Host) -> Ended + Send + Sync>;
type Check = Box<dyn Fn(&Host) -> Result<Vec<String>> + Send + Sync>;

/// What is interrupted: a script in a prepared world, how its interruption is recovered from, and
/// what must be true at the end.
pub struct Scenario {
    script: String,
    given: Vec<(String, String)>,
    prepare: Prepare,
    recover: Recover,
    check: Check,
    test: String,
    fails: bool,
}

impl Scenario {
    /// The run of a bundled script. Unless it is told otherwise the world is a fresh one, and an
    /// interruption is recovered from by running the script again. `test` is what to type to run
    /// the test that this scenario belongs to.
    pub fn new(script: &str, given: &[(&str, &str)], test: &str) -> Self {
        let given: Vec<(String, String)> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let again = (script.to_owned(), given.clone());
        Self {
            script: script.to_owned(),
            given,
            prepare: Box::new(|_| Ok(())),
            recover: Box::new(move |host| run(host, &again.0, &again.1)),
            check: Box::new(|_| Ok(Vec::new())),
            test: test.to_owned(),
            fails: false,
        }
    }

    /// What is done to the world before the script runs.
    #[must_use]
    pub fn prepared(self, prepare: impl Fn(&Host) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { prepare: Box::new(prepare), ..self }
    }

    /// How the next process recovers. It must end well.
    #[must_use]
    pub fn recovered(self, recover: impl Fn(&Host) -> Ended + Send + Sync + 'static) -> Self {
        Self { recover: Box::new(recover), ..self }
    }

    /// What is wrong at the end, besides broken rules, in words.
    #[must_use]
    pub fn checked(
        self,
        check: impl Fn(&Host) -> Result<Vec<String>> + Send + Sync + 'static,
    ) -> Self {
        Self { check: Box::new(check), ..self }
    }

    /// The script fails by itself, and what it did is taken back in the same run.
    #[must_use]
    pub fn failing(self) -> Self {
        Self { fails: true, ..self }
    }

    fn begin(&self, workshop: &Workshop, seed: u64) -> Result<Host> {
        let host = Host::new(workshop, seed)?;
        (self.prepare)(&host)?;
        Ok(host)
    }

    fn run(&self, host: &Host) -> Ended {
        run(host, &self.script, &self.given)
    }

    /// The operations of the run when nothing goes wrong.
    ///
    /// # Errors
    /// Where the world cannot be prepared, or the run fails by itself.
    pub fn operations(&self, workshop: &Workshop, seed: u64) -> Result<Vec<Operation>> {
        let host = self.begin(workshop, seed)?;
        let ended = self.run(&host);
        match ended.result {
            Err(error) if !self.fails || !error.left.is_empty() => Err(error),
            _ => Ok(host.operations()),
        }
    }

    /// Every operation with every fate that can meet it, and `pairs` pairs of fates.
    ///
    /// # Errors
    /// As [`Scenario::operations`].
    pub fn matrix(&self, workshop: &Workshop, seed: u64, pairs: usize) -> Result<Report> {
        let operations = self.operations(workshop, seed)?;
        let mut cases = single(&operations, seed);
        cases.extend(paired(&operations, seed, pairs));
        Ok(self.judge_all(workshop, &operations, cases))
    }

    /// As [`Scenario::matrix`], but only the operations after the first `skipped` ones.
    ///
    /// # Errors
    /// As [`Scenario::operations`].
    pub fn matrix_after(
        &self,
        workshop: &Workshop,
        seed: u64,
        skipped: usize,
        pairs: usize,
    ) -> Result<Report> {
        let operations = self.operations(workshop, seed)?;
        let mut cases = single(&operations, seed);
        cases.retain(|case| case.first.number > skipped);
        cases.extend(paired(&operations, seed, pairs));
        Ok(self.judge_all(workshop, &operations, cases))
    }

    /// As many pairs of fates, sampled by the seed, and nothing else: where the whole matrix is
    /// tried in another world.
    ///
    /// # Errors
    /// As [`Scenario::operations`].
    pub fn sample(&self, workshop: &Workshop, seed: u64, pairs: usize) -> Result<Report> {
        let operations = self.operations(workshop, seed)?;
        let cases = paired(&operations, seed, pairs);
        Ok(self.judge_all(workshop, &operations, cases))
    }

    /// One case, to look at it closely.
    ///
    /// # Errors
    /// As [`Scenario::operations`].
    pub fn case(&self, workshop: &Workshop, case: Case) -> Result<Report> {
        let operations = self.operations(workshop, case.seed)?;
        Ok(self.judge_all(workshop, &operations, vec![case]))
    }

    fn judge_all(&self, workshop: &Workshop, operations: &[Operation], cases: Vec<Case>) -> Report {
        let next = AtomicUsize::new(0);
        let judged: Mutex<Vec<(usize, Judged)>> = Mutex::default();
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::SeqCst);
                let Some(case) = cases.get(place) else { return };
                let verdict = judge(self, workshop, case, operations);
                judged.lock().unwrap_or_else(PoisonError::into_inner).push((place, verdict));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
        let mut judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
        judged.sort_by_key(|(place, _)| *place);
        let mut report = Report::new(operations.len());
        for (place, verdict) in judged {
            report.add(&cases[place], verdict, &self.test);
        }
        report
    }
}

fn run(host: &Host, script: &str, given: &[(String, String)]) -> Ended {
    let given: Vec<(&str, &str)> =
        given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    host.run(script, &given)
}

/// Every operation with every fate that can meet it, but for those that say the same: death after an
/// operation that only asks is death before the next one.
fn single(operations: &[Operation], seed: u64) -> Vec<Case> {
    let last = operations.len();
    let fates = |operation: &Operation| {
        let (number, kind) = (operation.number, operation.kind);
        let the_same = only_asks(operation) && number < last;
        let fates = Fate::ALL
            .iter()
            .filter(move |fate| fate.applies_to(kind) && !(the_same && **fate == Fate::KillAfter));
        fates.map(move |fate| Case { seed, first: Strike { number, fate: *fate }, second: None })
    };
    operations.iter().flat_map(fates).collect()
}

/// Whether nothing is there, after the operation was done, that was not there before.
fn only_asks(operation: &Operation) -> bool {
    let text = &operation.text;
    operation.kind == Kind::Request && (text.starts_with("GET ") || text.ends_with("/token"))
}

/// Pairs of fates: the second strikes during the recovery from the first.
fn paired(operations: &[Operation], seed: u64, pairs: usize) -> Vec<Case> {
    let random = SeededRandom::new(seed);
    let random: &dyn Random = &random;
    let below = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap_or(0);
    let one = |longest: usize| {
        let operation = &operations[below(longest.clamp(1, operations.len()))];
        let fates: Vec<Fate> =
            Fate::ALL.iter().copied().filter(|fate| fate.applies_to(operation.kind)).collect();
        Strike { number: operation.number, fate: fates[below(fates.len())] }
    };
    let mut cases = Vec::new();
    for _ in 0..pairs {
        if operations.is_empty() {
            break;
        }
        let first = one(operations.len());
        // The later the first strike, the less there is left to do for the recovery.
        let left = operations.len() - first.number + 1;
        let second = Some(one(left));
        cases.push(Case { seed, first, second });
    }
    cases
}
