//! Panics: mistakes of this program, told like any other failure.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use base::{Code, Diagnostic, Result};

thread_local! {
    /// Where the last panic of this thread happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics from writing over the screen; whoever catches one tells it.
pub fn quieten() {
    set_hook(Box::new(|info| {
        tracing::error!("{info}");
        let place = info.location().map(ToString::to_string);
        PLACE.with(|last| *last.borrow_mut() = place);
    }));
}

/// Does `work`; a panic becomes a failure with code `internal`.
///
/// # Errors
/// What `work` fails with.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(internal(&*payload)))
}

fn internal(payload: &(dyn Any + Send)) -> Diagnostic {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it said nothing".to_owned());
    let place = PLACE.with(|last| last.borrow_mut().take()).unwrap_or_default();
    Diagnostic::new(Code::Internal, "credwright made a mistake and stopped what it was doing")
        .meaning("What was done so far is in the journal, and nothing more was begun.")
        .next(
            "Look at the connectors with: credwright connectors. Then report this with its cause.",
        )
        .cause(format!("{said} ({place})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_its_words() {
        let result: Result<()> = caught(|| panic!("broken {}", 7));
        let error = result.unwrap_err();
        assert_eq!(error.code, Code::Internal);
        assert!(error.causes[0].starts_with("broken 7"), "{error:?}");
        assert_eq!(caught(|| Ok(1)), Ok(1));
    }
}
