//! The latch: once a run must stop, nothing it does can make it go on.

use std::sync::{Mutex, PoisonError};

use base::Diagnostic;

/// Holds the reason why a run must stop. A script can swallow an error (inside the callback of a
/// sort, for instance), so refusals are not left to errors alone: the gate looks here before every
/// call and every step, and a run's verdict is read from here.
#[derive(Debug, Default)]
pub struct Latch(Mutex<Option<Diagnostic>>);

impl Latch {
    /// Closes the latch. The first reason stays.
    pub fn close(&self, reason: &Diagnostic) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_with(|| reason.clone());
    }

    /// Why the run must stop, if it must.
    pub fn reason(&self) -> Option<Diagnostic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a prompt go on after an interrupted line; a script's run never opens its latch.
    pub fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
