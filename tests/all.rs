//! The tests that span crates, in one binary.

#![cfg(test)]

mod architecture;
mod docs;
mod process;
mod virtual_world;
