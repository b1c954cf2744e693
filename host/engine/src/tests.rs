//! Scripts from end to end, over doubles of cmdlets and a gate with a journal in memory.

mod diagnostics;
mod hostile;
mod parallel;
mod runs;
mod sessions;
mod support;
