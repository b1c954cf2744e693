//! The credwright binary.
fn main() {}
