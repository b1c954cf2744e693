//! Tracing, for those who look into the program. Off unless asked for.

use base::Process;
use tracing_subscriber::EnvFilter;

/// Writes traces to standard error where `CREDWRIGHT_LOG` or `RUST_LOG` asks for them.
pub fn begin(process: &dyn Process) {
    let wanted = ["CREDWRIGHT_LOG", "RUST_LOG"]
        .into_iter()
        .find_map(|name| process.environment(name).filter(|value| !value.is_empty()));
    let Some(wanted) = wanted else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(wanted))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // A second subscriber is never set here.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
