//! I5: what this host did not make is as it was.

use std::collections::BTreeSet;

use super::objects::is_ours;
use super::{Before, Look};

/// Everything foreign that was in the tenant before, and is not there any more or was changed.
pub(super) fn gone(look: &mut Look<'_>, before: &Before) {
    keys(look, before);
    let foreign = |name: &String| !is_ours(name);
    let principals: Vec<_> = before
        .tenant
        .principals
        .iter()
        .filter(|principal| foreign(&principal.name))
        .filter(|principal| !look.tenant.principals.contains(principal))
        .map(|principal| format!("the principal {} is gone or was changed", principal.name))
        .collect();
    let grants: Vec<_> = before
        .tenant
        .grants
        .iter()
        .filter(|grant| foreign(&grant.principal) && !look.tenant.grants.contains(grant))
        .map(|grant| format!("the grant of {} to {} is gone", grant.role, grant.principal))
        .collect();
    let users: Vec<_> = before
        .tenant
        .users
        .iter()
        .filter(|user| !before.accounts.contains(&user.upn))
        .filter(|user| !look.tenant.users.contains(user))
        .map(|user| format!("the user {} is gone or was changed", user.upn))
        .collect();
    for what in principals.into_iter().chain(grants).chain(users) {
        look.say("I5", what);
    }
}

/// Applications of others, and keys that have no record here.
fn keys(look: &mut Look<'_>, before: &Before) {
    let ours: BTreeSet<String> =
        look.certificates.iter().map(|known| known.thumbprint.clone()).collect();
    for application in &before.tenant.applications {
        let name = &application.name;
        let now = look.tenant.applications.iter().find(|now| now.id == application.id).cloned();
        let Some(now) = now else {
            if !is_ours(name) {
                look.say("I5", format!("the application {name} is gone"));
            }
            continue;
        };
        for key in application.keys.iter().filter(|key| !ours.contains(&key.thumbprint)) {
            if !now.keys.iter().any(|left| left.key_id == key.key_id) {
                look.say("I5", format!("the foreign key {} of {name} is gone", key.key_id));
            }
        }
        if !is_ours(name) && now.keys.len() != application.keys.len() {
            look.say("I5", format!("the foreign application {name} has other keys"));
        }
    }
}
