//! The ports of a world, secrets that cannot be printed, and diagnostics with stable codes.
//!
//! Everything a run can observe or touch outside its own memory is a *port*: clock, randomness,
//! disk, process. A [`Ports`] value holds one of each; real worlds use the `System*` ports, virtual
//! ones the deterministic ports of [`mod@virtual_world`]. Nothing here knows a wire format.

pub mod clock;
pub mod codes;
pub mod diagnostic;
pub mod disk;
pub mod executor;
pub mod process;
pub mod random;
pub mod secret;
pub mod suggest;
pub mod virtual_world;

use std::sync::Arc;

pub use clock::{Clock, Timestamp};
pub use codes::Code;
pub use diagnostic::{Applied, Diagnostic, Repeat, Result};
pub use disk::Disk;
pub use executor::Executor;
pub use process::Process;
pub use random::Random;
pub use secret::{SecretBytes, SecretText};

/// The ports of one world, handed to everything that runs in it.
#[derive(Clone)]
pub struct Ports {
    /// Wall clock, boot-time clock and waiting.
    pub clock: Arc<dyn Clock>,
    /// Randomness, from which ids are made too.
    pub random: Arc<dyn Random>,
    /// Files and folders.
    pub disk: Arc<dyn Disk>,
    /// This process, its host and other programs.
    pub process: Arc<dyn Process>,
    /// How a script's thread waits for asynchronous work.
    pub executor: Arc<dyn Executor>,
}
