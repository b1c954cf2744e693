//! How far a script may go.

use std::time::Duration;

/// How far a script may go. All of them are set explicitly: Rhai's own differ between debug and
/// release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations of one evaluation. This also bounds how deep closures can nest in captured
    /// variables, which Rhai's own limits do not see: dropping them recurses, and the stack of a
    /// script's thread was measured to hold what twice as many operations can build.
    pub operations: u64,
    /// Time spent in the script itself; waiting in cmdlets does not count.
    pub script_time: Duration,
    /// Functions that call each other.
    pub call_levels: usize,
    /// Nesting of an expression, and of brackets in the text.
    pub expression_depth: usize,
    /// Bytes of a text.
    pub text_size: usize,
    /// Items of a list, nested ones counted.
    pub list_size: usize,
    /// Entries of a map, nested ones counted.
    pub map_size: usize,
    /// Variables in scope.
    pub variables: usize,
    /// Functions of one file.
    pub functions: usize,
    /// Modules of one run.
    pub modules: usize,
    /// Bytes of one file.
    pub file_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 3_000_000,
            script_time: Duration::from_secs(30),
            call_levels: 100,
            expression_depth: 64,
            text_size: 8 * 1024 * 1024,
            list_size: 50_000,
            map_size: 50_000,
            variables: 1_000,
            functions: 1_000,
            modules: 100,
            file_size: 1024 * 1024,
        }
    }
}
