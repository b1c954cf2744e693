//! Permits for this crate's own tests.

use base::{Ports, Result};
use effect::{Permit, Removal, RemovalPermit, trial};

/// Runs `act` as the one step of one call.
pub(crate) async fn permitted<T>(
    ports: &Ports,
    act: impl AsyncFn(Permit<'_>) -> Result<T>,
) -> Result<T> {
    trial::permitted(ports.clock.clone(), act).await
}

/// Runs `act` as the one step of one call, which removes something.
pub(crate) async fn permitted_removal(
    ports: &Ports,
    removal: &Removal,
    act: impl AsyncFn(RemovalPermit<'_>) -> Result<()>,
) -> Result<()> {
    trial::permitted_removal(ports.clock.clone(), removal, act).await
}
