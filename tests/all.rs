//! The tests that span crates, in one binary.

#![cfg(test)]

mod architecture;
mod process;
mod virtual_world;
