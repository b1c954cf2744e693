//! `credwright connectors`: how each connector signs in.

use base::Result;

use crate::answer::Answer;
use crate::identity::{self, Identity};
use crate::world::World;

/// `credwright connectors`. It only reads: no lock, and no state is made where there is none.
///
/// # Errors
/// A wrong configuration or option, and as the state says.
pub fn connectors(world: &World) -> Result<Answer> {
    let tenant = world.tenant_name()?;
    let identities = match world.existing_store()? {
        Some(store) => world.wait(Identity::all(&store))?,
        None => Vec::new(),
    };
    if identities.is_empty() {
        let real = tenant.as_ref().is_some_and(|tenant| !tenant.sandbox);
        world.screen.tell(if real {
            "There is no connector yet. Add one at the prompt: credwright help add_connector"
        } else {
            "There is no connector yet. The sandbox brings one along: credwright run onboard"
        });
    }
    let text = if identities.is_empty() {
        String::new()
    } else {
        identity::listed(&identities, world.screen.form())
    };
    Ok(Answer::new(identity::document(&identities), text).of(tenant))
}
