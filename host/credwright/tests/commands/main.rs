//! The binary from outside: what a person or a program gets for each command.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod help;
mod interruption;
mod output;
mod prompt;
mod sandbox;
mod scripts;
mod world;
