//! `credwright connectors`: how each connector signs in.

use base::Result;

use crate::answer::Answer;
use crate::identity::{self, Identity};
use crate::world::World;

/// `credwright connectors`. It only reads: no lock, and no state is made where there is none.
///
/// # Errors
/// As the state says.
pub fn connectors(world: &World) -> Result<Answer> {
    let identities = match world.existing_store()? {
        Some(store) => world.wait(Identity::all(&store))?,
        None => Vec::new(),
    };
    if identities.is_empty() {
        world.screen.tell(
            "There is no connector yet. The sandbox brings one along: credwright run onboard",
        );
    }
    let text = if identities.is_empty() {
        String::new()
    } else {
        identity::listed(&identities, world.screen.form())
    };
    Ok(Answer::new(identity::document(&identities), text).of(world.tenant_name()))
}
