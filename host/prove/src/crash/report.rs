//! What came of a matrix.

use std::fmt;

use super::Case;
use super::judge::Judged;

/// What came of a matrix.
#[derive(Debug, Default)]
pub struct Report {
    /// How many operations the undisturbed run has.
    pub operations: usize,
    /// How many cases were tried.
    pub cases: usize,
    /// In how many of them everything that was planned struck.
    pub struck: usize,
    /// The cases that something is wrong with.
    pub failures: Vec<Failure>,
}

/// A case that something is wrong with.
#[derive(Debug)]
pub struct Failure {
    /// The case.
    pub case: Case,
    /// The operations that were struck.
    pub operations: Vec<String>,
    /// What is wrong, in words.
    pub complaints: Vec<String>,
    /// What to type to see it again.
    pub again: String,
}

impl Report {
    pub(super) fn new(operations: usize) -> Self {
        Self { operations, ..Self::default() }
    }

    pub(super) fn add(&mut self, case: &Case, judged: Judged, test: &str) {
        let Judged { operations, struck, complaints } = judged;
        self.cases += 1;
        self.struck += usize::from(struck);
        if !complaints.is_empty() {
            let again = format!("CREDWRIGHT_CASE={case} {test}");
            self.failures.push(Failure { case: *case, operations, complaints, again });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, cases, failures, .. } = self;
        let count = failures.len();
        writeln!(f, "{count} of {cases} cases fail ({operations} operations)")?;
        for failure in failures {
            writeln!(f, "\n{}: {}", failure.case, failure.operations.join("; then "))?;
            for complaint in &failure.complaints {
                writeln!(f, "  {complaint}")?;
            }
            writeln!(f, "  again: {}", failure.again)?;
        }
        Ok(())
    }
}
