//! Effects and the one gate through which every change of the outside world passes.
//!
//! A cmdlet's *change* is made of *steps*, each one external change. For every step the [`Gate`]
//! writes the intent, mints one [`Permit`], runs the act, and writes the outcome. Mutating methods
//! of the other crates ask for a permit by value, so a change that passes no gate does not compile.

pub mod approval;
pub mod call;
pub mod change;
pub mod gate;
pub mod interrupt;
pub mod journal;
pub mod latch;
pub mod observe;
pub mod permit;
pub mod policy;
pub mod removal;
pub mod replay;
mod replaying;
pub mod step;
#[cfg(feature = "trial")]
pub mod trial;

pub use approval::{Approval, ApprovalRequest, Approver};
pub use call::{Branch, NewCall};
pub use change::{Change, Effect, Impact, Target, Undo};
pub use gate::{Gate, GateParts};
pub use interrupt::Interrupt;
pub use journal::{CallKey, Entry, Journal, Outcome, RunId, StepIntent, StepKey};
pub use latch::Latch;
pub use observe::{Event, Observer};
pub use permit::Permit;
pub use policy::{Policy, Verdict};
pub use removal::{Circumstance, Guard, Removal, RemovalPermit, Settled};
pub use replay::{RecordedCall, RecordedStep, Recording, Replay, Standing};
pub use step::OpenCall;
