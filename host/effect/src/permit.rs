//! The permit for one step.

use crate::journal::StepKey;

/// The right to make one external change, minted by the gate after the step's intent is on disk.
///
/// Mutating methods take it by value. It cannot be cloned, made elsewhere, used twice or kept:
///
/// ```compile_fail
/// fn twice(permit: effect::Permit<'_>, act: impl Fn(effect::Permit<'_>)) {
///     act(permit);
///     act(permit);
/// }
/// ```
///
/// ```compile_fail
/// fn keep(permit: effect::Permit<'_>) -> effect::Permit<'static> {
///     permit
/// }
/// ```
///
/// ```compile_fail
/// fn forge(key: &effect::StepKey) -> effect::Permit<'_> {
///     effect::Permit { step: key }
/// }
/// ```
#[derive(Debug)]
pub struct Permit<'step> {
    step: &'step StepKey,
}

impl<'step> Permit<'step> {
    pub(crate) fn mint(step: &'step StepKey) -> Self {
        Self { step }
    }

    /// The step that this permit is for.
    pub fn step(&self) -> &StepKey {
        self.step
    }
}
