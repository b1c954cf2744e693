//! What several cmdlets ask of a connector's scheduler.

use base::{Code, Diagnostic, Repeat, Result};
use state::{Connector, Lease};

use crate::context::Call;

/// Fails where another run paused the connector's scheduler: then that run works on the connector.
///
/// # Errors
/// [`Code::SchedulerBusy`] naming the run, its reason and its deadline.
pub async fn require_no_other_lease(call: &Call<'_>, connector: &Connector) -> Result<()> {
    let leases = call.store().live_leases(&connector.id).await?;
    let own = &call.open.key().run.0;
    match leases.iter().find(|lease| lease.run != *own) {
        None => Ok(()),
        Some(lease) => {
            let paused = format!(
                "Run {} paused the scheduler of '{}' until {}: {}",
                lease.run, connector.name, lease.deadline, lease.reason
            );
            Err(Diagnostic::new(Code::SchedulerBusy, paused)
                .repeat(Repeat::Later)
                .next("Wait until that run ends; a pause ends with its run at the latest."))
        }
    }
}

/// The live pauses of the connector's scheduler that this branch of the run holds, oldest first.
///
/// # Errors
/// As the database says.
pub async fn own_leases(call: &Call<'_>, connector: &Connector) -> Result<Vec<Lease>> {
    let mut leases = call.store().live_leases(&connector.id).await?;
    let (run, branch) = (&call.open.key().run.0, call.branch);
    leases.retain(|lease| lease.run == *run && lease.branch == branch);
    Ok(leases)
}
