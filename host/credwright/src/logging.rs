//! Tracing, for those who look into the program. Off unless asked for.

use base::Process;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

/// Writes traces to standard error where `CREDWRIGHT_LOG` or `RUST_LOG` asks for them: a level, or
/// levels of crates such as `entra=debug,state=trace`.
pub fn begin(process: &dyn Process) {
    let wanted = ["CREDWRIGHT_LOG", "RUST_LOG"]
        .into_iter()
        .find_map(|name| process.environment(name).filter(|value| !value.is_empty()));
    let Some(wanted) = wanted else { return };
    // What cannot be understood is taken for a wish to see something.
    let filter = wanted.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let writing = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let subscriber = tracing_subscriber::registry().with(filter).with(writing);
    // A second subscriber is never set here.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
