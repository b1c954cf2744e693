//! The person at the terminal: questions, names to type, passwords without echo.

use std::io::{self, BufRead, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Code, Diagnostic, Result, SecretText};
use effect::{Approval, ApprovalRequest, Approver, Impact, Interrupt};
use futures::future::{BoxFuture, Either, select};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::{MutexGuard, oneshot};

use crate::cli::quoted;
use crate::show::{Screen, tame, tame_line};

/// How often a wrong answer is asked again.
const ATTEMPTS: usize = 3;

/// How the terminal was when the program started, to leave it like that; and whose turn it is to ask.
#[derive(Default)]
pub struct TerminalMode {
    saved: Mutex<Option<Termios>>,
    /// Branches of a script may ask at once: one waits for the answer to the other.
    turn: tokio::sync::Mutex<()>,
}

impl TerminalMode {
    /// Remembers how the terminal is now, where standard input is one.
    pub fn remember() -> Self {
        let saved = Mutex::new(tcgetattr(rustix::stdio::stdin()).ok());
        Self { saved, ..Self::default() }
    }

    /// Puts the terminal back to how it was.
    pub fn restore(&self) {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(saved) = &*saved {
            // A terminal that is gone needs no care.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, saved);
        }
    }
}

/// Asks whoever sits at standard input.
pub struct Person {
    /// Where questions are shown.
    pub screen: Arc<Screen>,
    /// The request to stop, which ends a question too.
    pub interrupt: Arc<Interrupt>,
    /// How the terminal was at first.
    pub mode: Arc<TerminalMode>,
    /// `--yes`
    pub yes: bool,
    /// `--confirm NAME`
    pub confirmed: Vec<String>,
}

impl Person {
    /// Whether somebody can be asked.
    pub fn is_there(&self) -> bool {
        io::stdin().is_terminal() && self.screen.watched
    }

    /// Asks for a line; none where the input has ended.
    async fn line(&self, prompt: &str, hidden: bool) -> Result<Option<SecretText>> {
        let _still = self.screen.still();
        self.screen.ask(prompt);
        let (sender, receiver) = oneshot::channel();
        let left = Arc::new(AtomicBool::new(false));
        let reader = Reader { left: left.clone() };
        let hidden = hidden.then(|| Hidden::begin(&self.mode));
        // A thread of its own, because reading cannot be interrupted; it looks whether it is still
        // wanted before it takes anything away from a later reader.
        std::thread::spawn(move || {
            let _ = sender.send(read_line(&left));
        });
        let stopped = std::pin::pin!(self.interrupt.requested());
        let answered = select(receiver, stopped).await;
        drop(reader);
        if hidden.is_some() {
            self.screen.tell("");
        }
        match answered {
            Either::Left((Ok(Ok(line)), _)) => Ok(line),
            Either::Left((Ok(Err(error)), _)) => {
                Err(Diagnostic::new(Code::EffectNotConfirmed, "The answer could not be read")
                    .cause(error))
            }
            Either::Left((Err(_), _)) | Either::Right(_) => Err(Interrupt::diagnostic()),
        }
    }

    /// Waits until nobody else asks.
    async fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        let turn = self.mode.turn.lock().await;
        if self.interrupt.is_requested() { Err(Interrupt::diagnostic()) } else { Ok(turn) }
    }

    async fn ask(&self, request: &ApprovalRequest) -> Result<Approval> {
        let _turn = self.turn().await?;
        let high = request.impact == Impact::High;
        let question = tame(&request.question);
        for _ in 0..ATTEMPTS {
            let prompt = if high {
                format!(
                    "{question}\nType '{}' to go on, or nothing to stop: ",
                    tame_line(&request.name)
                )
            } else {
                format!("{question} [y/n] ")
            };
            let Some(answer) = self.line(&prompt, false).await? else {
                return Ok(Approval::Refused);
            };
            let answer = answer.expose().trim();
            match answer.to_lowercase().as_str() {
                _ if high && answer == request.name => return Ok(Approval::Granted),
                "" | "n" | "no" => return Ok(Approval::Refused),
                "y" | "yes" if !high => return Ok(Approval::Granted),
                _ if high => self.screen.tell("That is not the name."),
                _ => self.screen.tell("Please answer y or n."),
            }
        }
        Ok(Approval::Refused)
    }

    /// Asks for a password without showing it.
    ///
    /// # Errors
    /// [`Code::EffectNotConfirmed`] where nobody is there, or the interruption.
    pub async fn password(&self, account: &str, variable: &str) -> Result<SecretText> {
        if !self.is_there() {
            return Err(Diagnostic::new(
                Code::EffectNotConfirmed,
                format!("Nobody is there to type the password of {account}"),
            )
            .next(format!(
                "Run it at a terminal. An administrator's password may also stand in {variable}"
            )));
        }
        let _turn = self.turn().await?;
        let prompt = format!("Password of {}: ", tame_line(account));
        self.line(&prompt, true).await?.ok_or_else(Interrupt::diagnostic)
    }
}

impl Approver for Person {
    fn approve<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        Box::pin(async move {
            let high = request.impact == Impact::High;
            if high && self.confirmed.contains(&request.name) || !high && self.yes {
                return Ok(Approval::Granted);
            }
            if self.is_there() {
                return self.ask(request).await;
            }
            Ok(Approval::NobodyThere(if high {
                format!("Add to the command: --confirm {}", quoted(&request.name))
            } else {
                "Add to the command: --yes".to_owned()
            }))
        })
    }
}

/// Tells the reading thread that nobody waits for it any more.
struct Reader {
    left: Arc<AtomicBool>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.left.store(true, Ordering::SeqCst);
    }
}

/// Hides what is typed until it is dropped.
struct Hidden<'a>(&'a TerminalMode);

impl<'a> Hidden<'a> {
    fn begin(mode: &'a TerminalMode) -> Self {
        if let Ok(mut termios) = tcgetattr(rustix::stdio::stdin()) {
            termios.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &termios);
        }
        Self(mode)
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Reads one line once there is one, unless nobody waits for it any more.
fn read_line(left: &AtomicBool) -> io::Result<Option<SecretText>> {
    let stdin = io::stdin();
    let patience = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    loop {
        if left.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut watched, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line)?;
    let text = SecretText::new(line.trim_end_matches(['\n', '\r']));
    zeroed(line);
    Ok((read > 0).then_some(text))
}

/// Wipes what may have been a password.
fn zeroed(line: String) {
    drop(SecretText::new(line));
}
