//! Ctrl-C, SIGTERM and SIGHUP.

use std::sync::Arc;

use effect::Interrupt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::show::Screen;
use crate::terminal::TerminalMode;

/// Exit code of an interrupted run.
const INTERRUPTED: i32 = 4;

/// Turns signals into a request to stop; a second one leaves at once. Must be called on a tokio
/// runtime.
pub fn watch(interrupt: Arc<Interrupt>, screen: Arc<Screen>, mode: Arc<TerminalMode>) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    for kind in kinds {
        // Where the system gives no handler the signal ends the process, as it always did.
        let Ok(signal) = signal(kind) else { continue };
        tokio::spawn(obey(signal, interrupt.clone(), screen.clone(), mode.clone()));
    }
}

async fn obey(
    mut signal: Signal,
    interrupt: Arc<Interrupt>,
    screen: Arc<Screen>,
    mode: Arc<TerminalMode>,
) {
    while signal.recv().await.is_some() {
        if interrupt.is_requested() {
            leave(&screen, &mode);
        }
        interrupt.request();
        screen.tell("Stopping. Once more leaves at once.");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the admin asked twice: what is pending is in the journal, and nothing may tidy it up"
)]
fn leave(screen: &Screen, mode: &TerminalMode) -> ! {
    let _ = screen.spinners.clear();
    mode.restore();
    screen.tell("Left at once. What was being changed is recorded as pending.");
    std::process::exit(INTERRUPTED)
}
