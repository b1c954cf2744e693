//! The sandbox tenant: an emulator of the parts of Microsoft Entra ID and Microsoft Graph v1.0 that
//! connectors and their administrators use. It speaks HTTP only, and shares no protocol code with the
//! client: what both get wrong must show.
//!
//! - [`Sandbox::open`] opens the tenant in a data folder (or says who has it), [`Sandbox::in_memory`]
//!   makes one for a virtual world, [`Sandbox::fork`] a twin for a plan.
//! - [`Sandbox::router`] is the tenant in process, [`Sandbox::serve`] serves it over TLS with its own
//!   certificate authority; [`Served::describe`] says where it is and how to sign in.
//! - [`Sandbox::faults`] makes it misbehave: see [`Fault`], [`Lost`] and [`Delays`].
//! - [`Sandbox::show`] is its content for people, [`Sandbox::reset`] deletes a data folder's tenant.
//!
//! The state is one value of persistent maps behind a function of state, request, moment and
//! randomness. Source keys in the comments ("facts 1.3") are sections of the project's protocol facts.

mod catalog;
mod certificates;
mod core;
mod discovery;
mod faults;
mod folder;
mod graph;
mod http;
mod overview;
mod replication;
mod sandbox;
mod seed;
mod serve;
mod state;
mod token;
mod wire;

pub use certificates::Keys;
pub use faults::{Fault, Faults, Lost};
pub use folder::Opened;
pub use overview::{ApplicationRow, GrantRow, KeyRow, Overview, PrincipalRow, RoleRow, UserRow};
pub use replication::Delays;
pub use sandbox::{Sandbox, SignIns};
pub use serve::{Account, Administrator, Description, Served};
