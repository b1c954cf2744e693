//! How a script's thread, which is not asynchronous, waits for asynchronous work.

use std::pin::Pin;

/// Drives futures from a thread that runs a script.
pub trait Executor: Send + Sync {
    /// Blocks this thread until `work` is done.
    fn drive(&self, work: Pin<&mut dyn Future<Output = ()>>);
}

impl dyn Executor {
    /// Blocks this thread until `work` is done and returns its output.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        let mut output = None;
        {
            let mut storing = std::pin::pin!(async { output = Some(work.await) });
            self.drive(storing.as_mut());
        }
        match output {
            Some(output) => output,
            None => unreachable_driver(),
        }
    }
}

#[expect(clippy::panic, reason = "a driver that returns before its future is a programming error")]
fn unreachable_driver() -> ! {
    panic!("an Executor returned before its future was done")
}

/// Waits on a tokio runtime's threads. The thread that calls must not be one of them.
#[derive(Debug, Clone)]
pub struct TokioExecutor(pub tokio::runtime::Handle);

impl Executor for TokioExecutor {
    fn drive(&self, work: Pin<&mut dyn Future<Output = ()>>) {
        self.0.block_on(work);
    }
}
