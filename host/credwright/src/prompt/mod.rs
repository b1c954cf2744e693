//! The prompt: lines that are evaluated one by one, each change a run of its own.

mod editor;
mod input;

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::sync::Arc;

use base::Result;
use cmdlets::context::Session as Signed;
use effect::Interrupt;
use engine::{Origin, Run, Source};
use entra::Credential;
use serde_json::Value;

use self::input::{Lines, Next};
use crate::answer::{Answer, Document, exit_code};
use crate::commands::help;
use crate::host::{Beginning, Host};
use crate::panics;
use crate::show::progress::Progress;
use crate::show::value;
use crate::world::World;

/// The session, shared with the editor, which asks it for completions.
type Shared = Rc<RefCell<engine::Session>>;

/// What a line is called in the journal.
const NAME: &str = "prompt";

/// `credwright repl`.
///
/// # Errors
/// What keeps the prompt from beginning at all.
pub fn repl(world: &World) -> Result<Answer> {
    let engine = world.engine()?;
    let host = Host::open(world, &engine)?;
    host.settle()?;
    let session: Shared = Rc::new(RefCell::new(engine.session()));
    let mut lines = input::open(world, session.clone())?;
    world.screen.tell(&format!(
        "credwright {} in the {}. help explains, exit leaves.",
        env!("CARGO_PKG_VERSION"),
        host.view.name()?.line()
    ));
    let mut prompt = Prompt { host, session, administrator: None, worst: 0 };
    prompt.read(lines.as_mut());
    world.wait(prompt.host.view.close());
    let mut answer = Answer::printed();
    answer.document.exit_code = prompt.worst;
    Ok(answer)
}

struct Prompt<'w> {
    host: Host<'w>,
    session: Shared,
    /// Who is signed in: it outlives the line that signed in.
    administrator: Option<Credential>,
    /// The exit code that tells most of the lines.
    worst: u8,
}

impl Prompt<'_> {
    fn read(&mut self, lines: &mut dyn Lines) {
        loop {
            self.host.world.idle(true);
            // Whoever types may go on after an interruption; lines from elsewhere would run on
            // unasked.
            if self.host.world.interrupt.is_requested() && !io::stdin().is_terminal() {
                self.worst = worse(self.worst, exit_code(&Interrupt::diagnostic()));
                return;
            }
            let next = lines.next();
            self.host.world.idle(false);
            match next {
                Next::End => return,
                Next::Abandoned => {}
                Next::Unreadable(error) => self.show(Answer::refused(error)),
                Next::Line(text) => match text.trim() {
                    "" => {}
                    "exit" | "quit" => return,
                    "variables" => self.variables(),
                    "help" => self.help(None),
                    line => match line.strip_prefix("help ") {
                        Some(topic) => self.help(Some(topic.trim())),
                        None => self.line(&text),
                    },
                },
            }
        }
    }

    fn help(&mut self, topic: Option<&str>) {
        let answer = help::help(self.host.world, topic).unwrap_or_else(Answer::refused);
        self.show(answer);
    }

    fn variables(&mut self) {
        let variables = self.session.borrow().variables();
        let value = Value::Object(variables.into_iter().collect());
        let text = value::rendered(&value, self.host.world.screen.form());
        self.show(Answer::new(value, text));
    }

    fn line(&mut self, text: &str) {
        let world = self.host.world;
        // What stopped the line before is over.
        world.interrupt.clear();
        let answer = self.evaluate(text).unwrap_or_else(Answer::refused);
        self.show(answer);
    }

    fn evaluate(&mut self, text: &str) -> Result<Answer> {
        let world = self.host.world;
        let signed = Signed::default();
        if let Some(administrator) = self.administrator.clone() {
            signed.connect(administrator);
        }
        let changes = self.session.borrow().may_change(text);
        let run = self.begin(text, changes, signed)?;
        let id = changes.then(|| run.id().to_string());
        let result = panics::caught(|| self.session.borrow_mut().evaluate(text, run.parts()));
        self.administrator = run.parts().context.session.administrator().ok();
        let changed = run.parts().gate.changed();
        let (result, exit_code) = world.wait(run.end(result));
        let mut document = Document {
            changed,
            tenant: self.host.view.name().ok(),
            run: id,
            script: Some(NAME.to_owned()),
            exit_code,
            ..Document::default()
        };
        let mut text = String::new();
        match result {
            Ok(value) => {
                text = value::rendered(&value, world.screen.form());
                document.value = value;
            }
            Err(error) => document.error = Some(error),
        }
        Ok(Answer { document, text, is_printed: false })
    }

    /// Takes the lock for one line. Only what may change something becomes a run in the records.
    fn begin(&self, text: &str, changes: bool, signed: Signed) -> Result<Run> {
        let progress = Arc::new(Progress::new(self.host.world.screen.clone()));
        if !changes {
            return self.host.look(NAME, progress, signed);
        }
        let source = Source { name: NAME.to_owned(), text: text.to_owned(), origin: Origin::Text };
        let sources = [source];
        self.host.begin(Beginning::new(NAME, Value::Null, &sources), progress, signed)
    }

    fn show(&mut self, answer: Answer) {
        self.worst = worse(self.worst, answer.document.exit_code);
        answer.print_line(&self.host.world.screen);
    }
}

/// Of two exit codes the one that tells more: what is left to do by hand first, what can just be
/// typed again last.
fn worse(one: u8, other: u8) -> u8 {
    const ORDER: [u8; 7] = [0, 2, 6, 5, 1, 4, 3];
    let rank = |code: u8| ORDER.iter().position(|known| *known == code);
    if rank(other) > rank(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_is_what_is_left_to_do() {
        assert_eq!([2, 0, 3, 4].into_iter().fold(0, worse), 3);
        assert_eq!(worse(0, 0), 0);
        assert_eq!(worse(2, 0), 2);
    }
}
