//! Ctrl-C, SIGTERM and SIGHUP.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use base::Clock;
use effect::Interrupt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::show::Screen;
use crate::terminal::TerminalMode;

/// Exit code of an interrupted run.
const INTERRUPTED: i32 = 4;

const NOTHING: &str = "Nothing was being done.";

/// A signal that follows another one so soon is the same request.
const ECHO_MILLIS: i64 = 300;

/// What a signal reaches.
#[derive(Clone)]
pub struct Watched {
    /// The request to stop.
    pub interrupt: Arc<Interrupt>,
    /// Where it is told.
    pub screen: Arc<Screen>,
    /// How the terminal was at first.
    pub mode: Arc<TerminalMode>,
    /// Whether the program only waits for a line at its prompt.
    pub idle: Arc<AtomicBool>,
    /// Tells a second request from an echo of the first.
    pub clock: Arc<dyn Clock>,
    /// When the last request came, in milliseconds since boot.
    pub last: Arc<AtomicI64>,
}

/// Turns signals into a request to stop; a second one leaves at once. Must be called on a tokio
/// runtime.
pub fn watch(watched: &Watched) {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // Where the system gives no handler the signal ends the process, as it always did.
        if let Ok(signal) = signal(kind) {
            tokio::spawn(obey(signal, watched.clone()));
        }
    }
}

async fn obey(mut signal: Signal, watched: Watched) {
    while signal.recv().await.is_some() {
        let typed = io::stdin().is_terminal();
        if watched.idle.load(Ordering::SeqCst) {
            // At a terminal this is a way to leave; lines from elsewhere were not all read.
            leave(&watched, NOTHING, if typed { 0 } else { INTERRUPTED });
        }
        let now = watched.clock.boot_time().millis;
        let since = now.saturating_sub(watched.last.swap(now, Ordering::SeqCst));
        if watched.interrupt.is_requested() {
            // Some tools send a signal to the process and to its group: nobody asked twice.
            if since < ECHO_MILLIS {
                continue;
            }
            let told = "Left at once. What was being changed is recorded as pending.";
            leave(&watched, told, INTERRUPTED);
        }
        watched.interrupt.request();
        // A line that ended just now has not seen the request, and nothing may come after it.
        if !typed && watched.idle.load(Ordering::SeqCst) {
            leave(&watched, NOTHING, INTERRUPTED);
        }
        watched.screen.tell("Stopping. Once more leaves at once.");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the admin asked twice: what is pending is in the journal, and nothing may tidy it up"
)]
fn leave(watched: &Watched, told: &str, code: i32) -> ! {
    // Where the screen cannot be cleared, leaving is all the same.
    let _ = watched.screen.spinners.clear();
    watched.mode.restore();
    watched.screen.tell(told);
    std::process::exit(code)
}
