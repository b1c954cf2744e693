//! What several cmdlets ask of a connector's scheduler.

use std::time::Duration;

use base::{Code, Diagnostic, Repeat, Result};
use effect::Circumstance;
use state::{Connector, Lease};

use crate::context::Call;

/// How long a pause must still last for a change to begin under it: a request may take as long.
const MARGIN: Duration = Duration::from_secs(30);

/// Fails where the connector must not be changed now: another run paused its scheduler and works on it,
/// or this run's own pause is over, so that a cycle could come in between. What takes a step back goes on
/// in any case.
///
/// # Errors
/// [`Code::SchedulerBusy`] naming the other run, its reason and its deadline;
/// [`Code::SchedulerNotPaused`] naming the pause that is over.
pub async fn require_lease(call: &Call<'_>, connector: &Connector) -> Result<()> {
    require_no_other_lease(call, connector).await?;
    if call.open.circumstance() == Circumstance::Undone {
        return Ok(());
    }
    let run = &call.open.key().run.0;
    let Some(lease) = call.store().lapsing_pause(&connector.id, run, MARGIN).await? else {
        return Ok(());
    };
    let over = format!(
        "The pause of '{}' ({}) is over, or nearly: it was until {}",
        connector.name, lease.reason, lease.deadline
    );
    Err(Diagnostic::new(Code::SchedulerNotPaused, over)
        .meaning("A synchronization cycle could begin in the middle of the change.")
        .next("Give the pause a later deadline, then run the script again."))
}

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
