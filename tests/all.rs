//! The tests that span crates, in one binary.

mod architecture;
mod virtual_world;
