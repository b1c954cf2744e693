//! Scripts run on threads of their own, with room for deep recursion.

use std::any::Any;
use std::thread::{Scope, ScopedJoinHandle};

use base::{Code, Diagnostic, Result};

/// Rhai recurses over nested values, also when it drops them; the limits bound how deep they can
/// get, and this is room for that depth. The kernel hands it out page by page as it is used.
const STACK: usize = 512 * 1024 * 1024;

/// What must stay free beside the stack of one more thread, where the address space has a limit.
const SPARE: usize = 512 * 1024 * 1024;

/// Runs `work` on a thread with a large stack and waits for it.
///
/// # Errors
/// [`Code::Internal`] where the thread cannot be started, or `work` panicked.
pub(crate) fn on_script_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = builder().spawn_scoped(scope, work).map_err(|error| not_started(&error))?;
        thread.join().map_err(|panic| panicked(&*panic))
    })
}

/// Runs `work` on a thread with a large stack and does not wait for it.
///
/// # Errors
/// [`Code::Internal`] where the thread cannot be started.
pub(crate) fn on_detached_thread(work: impl FnOnce() + Send + 'static) -> Result<()> {
    builder().spawn(work).map(drop).map_err(|error| not_started(&error))
}

/// Runs `work` on a thread with a large stack that ends within `scope`.
///
/// # Errors
/// [`Code::Internal`] where the thread cannot be started, or would leave no room for its work: `work`
/// is dropped then.
pub(crate) fn on_scoped_thread<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, ()>> {
    if !has_room() {
        return Err(not_started(&std::io::ErrorKind::OutOfMemory.into()));
    }
    builder().spawn_scoped(scope, work).map_err(|error| not_started(&error))
}

/// Whether another stack would leave room. A program that asks for memory where there is none is
/// ended; asking in a way that may be refused costs nothing, because nothing of it is touched. The
/// parts are small enough for a small machine, which would refuse the whole.
fn has_room() -> bool {
    const PART: usize = 64 * 1024 * 1024;
    let mut parts: [Vec<u8>; (STACK + SPARE) / PART] = std::array::from_fn(|_| Vec::new());
    let granted = parts.iter_mut().all(|part| part.try_reserve_exact(PART).is_ok());
    // What nobody looks at, the compiler would not ask for.
    std::hint::black_box(&parts);
    granted
}

fn builder() -> std::thread::Builder {
    std::thread::Builder::new().name("script".to_owned()).stack_size(STACK)
}

fn not_started(error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(Code::Internal, "The thread for the script could not be started").cause(error)
}

/// What a caught panic says.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Diagnostic::new(Code::Internal, "This program made a mistake and stopped the script")
        .meaning("Nothing in the script explains it. Please report it with the cause below.")
        .cause(text)
}
