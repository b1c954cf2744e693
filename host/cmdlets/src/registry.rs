//! What is asked of all cmdlets together. The list itself stands in `lib.rs`.

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};

use crate::TOPICS;
use crate::cmdlet::AnyCmdlet;

/// Every cmdlet, in the order of the registry.
pub fn all() -> impl Iterator<Item = &'static dyn AnyCmdlet> {
    TOPICS.iter().flat_map(|(_, cmdlets)| cmdlets.iter().copied())
}

/// The cmdlet of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyCmdlet> {
    all().find(|cmdlet| cmdlet.about().name == name)
}

/// The cmdlet of that name.
///
/// # Errors
/// [`Code::UsageCommand`] with the near miss.
pub fn get(name: &str) -> Result<&'static dyn AnyCmdlet> {
    find(name).ok_or_else(|| {
        let hint = did_you_mean(name, all().map(|cmdlet| cmdlet.about().name));
        Diagnostic::new(Code::UsageCommand, format!("There is no cmdlet '{name}'{hint}"))
            .next("See all of them: credwright help")
    })
}
