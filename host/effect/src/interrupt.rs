//! Ctrl-C and SIGTERM, as a value.

use std::sync::atomic::{AtomicBool, Ordering};

use base::{Code, Diagnostic, Repeat};
use tokio::sync::Notify;

/// A request to stop, which a run honours between its steps.
#[derive(Debug, Default)]
pub struct Interrupt {
    requested: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    /// Asks the run to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Whether it was asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Forgets the request: the next line of a prompt starts anew.
    pub fn clear(&self) {
        self.requested.store(false, Ordering::SeqCst);
    }

    /// Completes when the run is asked to stop.
    pub async fn requested(&self) {
        loop {
            let notified = self.notify.notified();
            if self.is_requested() {
                return;
            }
            notified.await;
        }
    }

    /// What an interrupted call answers.
    pub fn diagnostic() -> Diagnostic {
        Diagnostic::new(Code::RunInterrupted, "The run was interrupted").repeat(Repeat::LookFirst)
    }
}
