//! The tests that span crates, in one binary.

mod architecture;
