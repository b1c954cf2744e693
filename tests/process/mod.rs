//! The program as a process of its own: over TLS, with signals, files and exit codes.

mod accounts;
mod audit;
mod backup;
mod codes;
mod folders;
mod golden;
pub mod harness;
mod hostile;
mod killed;
mod oauth;
mod onboarding;
mod outages;
mod prompt;
mod readme;
mod rivals;
pub mod served;
mod signals;
mod stopped;
mod taken_up;
