//! The file form of a state: JSON with a version, written whole.

use std::collections::BTreeMap;
use std::path::Path;

use base::{Code, Diagnostic};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::objects::{
    AppRoleAssignment, Application, DirectoryRole, Organization, PermissionGrant, Principal, User,
};
use super::{Seeded, State};

/// The version this program writes. It reads no newer one.
pub const VERSION: u64 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    changes: u64,
    organization: &'a Organization,
    seeded: &'a Seeded,
    applications: Vec<&'a Application>,
    principals: Vec<&'a Principal>,
    users: Vec<&'a User>,
    roles: Vec<&'a DirectoryRole>,
    assignments: Vec<&'a AppRoleAssignment>,
    grants: Vec<&'a PermissionGrant>,
}

#[derive(Deserialize)]
struct Read {
    changes: u64,
    organization: Organization,
    seeded: Seeded,
    applications: Vec<Application>,
    principals: Vec<Principal>,
    users: Vec<User>,
    roles: Vec<DirectoryRole>,
    assignments: Vec<AppRoleAssignment>,
    grants: Vec<PermissionGrant>,
}

/// The file form of `state`.
///
/// # Errors
/// Where serialising fails, which no content of a state does.
pub fn write(state: &State) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Written {
        version: VERSION,
        changes: state.version,
        organization: &state.organization,
        seeded: &state.seeded,
        applications: state.applications.values().map(AsRef::as_ref).collect(),
        principals: state.principals.values().map(AsRef::as_ref).collect(),
        users: state.users.values().map(AsRef::as_ref).collect(),
        roles: state.roles.values().map(AsRef::as_ref).collect(),
        assignments: state.assignments.values().map(AsRef::as_ref).collect(),
        grants: state.grants.values().map(AsRef::as_ref).collect(),
    })
}

/// The state that a file holds; `path` is for the messages.
///
/// # Errors
/// [`Code::StateNewer`] for a file of a newer version, [`Code::StateCorrupt`] for anything else that
/// cannot be read. The file is left as it is.
pub fn read(content: &[u8], path: &Path) -> base::Result<State> {
    let corrupt = |error: &dyn std::fmt::Display| {
        Diagnostic::new(
            Code::StateCorrupt,
            format!("the sandbox tenant's state {} is damaged", path.display()),
        )
        .meaning("Nothing was changed; the file is as it was found.")
        .next("Put a copy of the file back, or start afresh with: credwright tenant reset")
        .cause(error)
    };
    // Version first: a newer file may have any other shape.
    let version: BTreeMap<String, Value> =
        serde_json::from_slice(content).map_err(|error| corrupt(&error))?;
    match version.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => {
            return Err(Diagnostic::new(
                Code::StateNewer,
                format!(
                    "the sandbox tenant's state {} has version {newer}; this program reads \
                     version {VERSION}",
                    path.display()
                ),
            )
            .meaning("A newer credwright wrote it. Nothing was changed.")
            .next("Use the newer credwright, or start afresh with: credwright tenant reset"));
        }
        _ => return Err(corrupt(&"it names no version")),
    }
    let read: Read = serde_json::from_slice(content).map_err(|error| corrupt(&error))?;
    Ok(restored(read))
}

fn restored(read: Read) -> State {
    let mut state = State::empty(read.organization, read.seeded);
    read.applications.into_iter().for_each(|object| state.put_application(object));
    read.principals.into_iter().for_each(|object| state.put_principal(object));
    read.users.into_iter().for_each(|object| state.put_user(object));
    read.roles.into_iter().for_each(|object| state.put_role(object));
    read.assignments.into_iter().for_each(|object| state.put_assignment(object));
    read.grants.into_iter().for_each(|object| state.put_grant(object));
    state.version = read.changes;
    state
}
