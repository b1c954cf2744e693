//! `parallel`: a function for each item of a list, several at a time, each in a branch of its own.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::clock::Hold;
use base::suggest::did_you_mean;
use base::{Code, Diagnostic};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext, Position};

use crate::combinators::PARALLEL;
use crate::failure::{amend, explain, message, thrown};
use crate::isolate::{self, Unfit};
use crate::running::{Parts, Running};
use crate::strand::{self, Strand};
use crate::thread::{on_scoped_thread, panicked};

/// How many items are worked on at once, at most.
const AT_ONCE: usize = 8;

/// How many calls of `parallel` may be inside each other.
const DEEPEST: usize = 4;

/// How many values are copied in the time of one operation.
const COPIED: u64 = 16;

/// The longest text of an item in the label of its branch.
const LABEL: usize = 40;

type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// Calls `body` for each of `items` and answers what they return, in the order of the items.
///
/// All of them run to their end, unless the run must stop. What fails is thrown then: the failure of
/// the first failing item, with the others among its causes.
pub(crate) fn parallel(
    running: &Running,
    context: &NativeCallContext<'_>,
    items: &Dynamic,
    settings: Option<&Dynamic>,
    body: &FnPtr,
) -> Outcome {
    let at = context.call_position();
    let refuse = |code: Code, message: String| thrown(Diagnostic::new(code, message), at);
    let Some(parts) = running.parts() else {
        let message = format!("{PARALLEL} was called in params(), where nothing may be done");
        return Err(refuse(Code::CmdletNotAllowed, message));
    };
    let at_once = at_once(settings).map_err(|wrong| thrown(wrong, at))?;
    let strand = running.strand();
    if strand.depth >= DEEPEST {
        let message = format!("{PARALLEL} is inside itself more than {DEEPEST} times");
        let deep = Diagnostic::new(Code::ScriptLimit, message);
        return Err(thrown(deep.next("Make one list of all that is to be done."), at));
    }
    let what = format!("What {PARALLEL} is given");
    let weight = isolate::weigh_function(body, running.left().saturating_mul(COPIED));
    let weight = afford(running, weight, COPIED, &what, at)?;
    afford(running, isolate::weigh(items, running.left()), 1, &what, at)?;
    let items = isolate::copy(items).into_array().unwrap_or_default();
    let batch = Batch {
        running,
        parts,
        context,
        at,
        fork: strand.branch().next_fork(),
        body: isolate::copy_function(body),
        weight,
        next: AtomicUsize::new(0),
        ended: Mutex::new(items.iter().map(|_| None).collect()),
        crew: Mutex::default(),
        threads: 0,
        strand,
        items,
    };
    batch.run(at_once)
}

/// How many at once, from the settings.
fn at_once(settings: Option<&Dynamic>) -> Result<usize, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::new(Code::ScriptRule, message).next(format!(
            "Write it like this: {PARALLEL}(items, #{{ at_most: 3 }}, |item| {{ … }})"
        ))
    };
    let settings = settings.and_then(|settings| settings.read_lock::<Map>());
    let Some(settings) = settings else { return Ok(AT_ONCE) };
    if let Some(unknown) = settings.keys().find(|name| *name != "at_most") {
        let hint = did_you_mean(unknown, ["at_most"]);
        return Err(wrong(format!("{PARALLEL} has no setting '{unknown}'{hint}")));
    }
    let Some(given) = settings.get("at_most") else { return Ok(AT_ONCE) };
    let count = given.as_int().ok().and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (1..=AT_ONCE).contains(count)).ok_or_else(|| {
        wrong(format!("at_most must be a whole number from 1 to {AT_ONCE}, but is {given}"))
    })
}

/// Counts what is copied as work of the script: `copied` values as one operation. Answers the
/// operations.
fn afford(
    running: &Running,
    weight: Result<u64, Unfit>,
    copied: u64,
    what: &str,
    at: Position,
) -> Result<u64, Box<EvalAltResult>> {
    let spent = match weight {
        Ok(weight) | Err(Unfit::Large(weight)) => weight.div_ceil(copied),
        Err(Unfit::Deep) => {
            let message = format!("{what} nests too deep, or holds itself");
            return Err(thrown(Diagnostic::new(Code::ScriptLimit, message), at));
        }
    };
    running.spend(spent);
    running.stop_at(at).map_or(Ok(spent), Err)
}

/// One call of `parallel`.
struct Batch<'a> {
    running: &'a Running,
    parts: &'a Parts,
    context: &'a NativeCallContext<'a>,
    at: Position,
    strand: Arc<Strand>,
    /// Which fork of its strand it is.
    fork: u64,
    items: Array,
    body: FnPtr,
    /// What a copy of the function costs, in operations.
    weight: u64,
    /// How many threads may be started below each item.
    threads: usize,
    next: AtomicUsize,
    ended: Mutex<Vec<Option<Ended>>>,
    crew: Mutex<Crew>,
}

/// How the work on one item ended.
struct Ended {
    outcome: Outcome,
    /// What is to be said beside a failure.
    aftermath: Vec<String>,
}

/// Who is at work: the thread that called, and those that were started.
#[derive(Default)]
struct Crew {
    working: usize,
    /// The hold on virtual time of the one who left last, for the thread that called. So time never
    /// jumps between the last branch and what comes after it.
    hold: Option<Hold>,
}

impl Batch<'_> {
    fn run(mut self, at_once: usize) -> Outcome {
        let threads = at_once.min(self.items.len()).min(self.strand.threads);
        if threads > 1 {
            self.threads = (self.strand.threads - threads) / threads;
            self.run_on(threads);
        } else {
            // One at a time: on this thread.
            self.threads = self.strand.threads;
            let mut own = Place::of(&self, self.strand.take_hold());
            own.work();
            drop(own);
        }
        let hold = self.crew().hold.take();
        self.strand.keep_hold(hold.unwrap_or_else(|| self.parts.hold()));
        self.collect()
    }

    fn run_on(&self, threads: usize) {
        let mut own = Place::of(self, self.strand.take_hold());
        std::thread::scope(|scope| {
            let mut started = Vec::new();
            for _ in 0..threads {
                let mut place = Place::of(self, Some(self.running.begin_work(self.parts)));
                // Where no more threads can be had, those that are there do it.
                started.extend(on_scoped_thread(scope, move || place.work()));
            }
            if started.is_empty() {
                own.work();
            }
            // From here on this thread waits, and time may jump where all branches wait.
            drop(own);
            for thread in started {
                if let Err(panic) = thread.join() {
                    self.running.give_up(&panicked(&*panic));
                }
            }
        });
    }

    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item, unless the run must stop.
    fn next(&self) -> Option<usize> {
        if self.running.stopped_by().is_some() {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::SeqCst);
        (index < self.items.len()).then_some(index)
    }

    /// Works on one item, in a branch of its own. The hold comes back.
    fn run_item(&self, index: usize, hold: Option<Hold>) -> Option<Hold> {
        let label = format!("{}.{index} {}", self.fork, short(&self.items[index]));
        let strand = Arc::new(self.strand.fork(label.trim_end(), self.threads, hold));
        let entered = strand::enter(strand.clone());
        let called = std::panic::catch_unwind(AssertUnwindSafe(|| self.call(index)));
        drop(entered);
        let outcome = called.unwrap_or_else(|panic| {
            // What it was about to do is not known, so nothing more may build on it.
            let mistake = panicked(&*panic);
            self.running.give_up(&mistake);
            Err(thrown(mistake, self.at))
        });
        let ended = Ended { outcome, aftermath: strand.aftermath() };
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(ended);
        strand.take_hold()
    }

    fn call(&self, index: usize) -> Outcome {
        let item = self.items[index].clone();
        // A copy for each: there are writes that Rhai does not refuse, such as of a text's letter.
        self.running.spend(self.weight);
        let body = isolate::copy_function(&self.body);
        let returned = body.call_within_context::<Dynamic>(self.context, (item,));
        let value = returned.map_err(|error| explain(error, |error| self.explained(error)))?;
        let weight = isolate::weigh(&value, self.running.left());
        afford(self.running, weight, 1, "What the function returns", self.at)?;
        Ok(value.flatten())
    }

    /// What Rhai cannot say of an error because it knows nothing of branches.
    fn explained(&self, error: &EvalAltResult) -> Option<Diagnostic> {
        use EvalAltResult as E;
        let (code, message) = match error {
            E::ErrorAssignmentToConstant(name, _) => {
                (Code::ScriptFailed, format!("'{name}' cannot be changed here"))
            }
            E::ErrorNonPureMethodCallOnConstant(name, _) => {
                (Code::ScriptFailed, format!("'{name}' would change what cannot be changed here"))
            }
            E::ErrorFunctionNotFound(name, _) if name.starts_with(self.body.fn_name()) => {
                return Some(takes_one_item(Code::ScriptFailed));
            }
            _ => return None,
        };
        Some(Diagnostic::new(code, message).meaning(NOT_SHARED).next(RETURN))
    }

    /// The values of all items, or what failed.
    fn collect(self) -> Outcome {
        if let Some(stopped) = self.running.stop_at(self.at) {
            return Err(stopped);
        }
        let (at, items) = (self.at, &self.items);
        let ended = self.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut values, mut failures, mut exits) = (Array::new(), Vec::new(), Vec::new());
        for (index, ended) in ended.into_iter().enumerate() {
            let Some(Ended { outcome, aftermath }) = ended else {
                let mistake = "An item was left out by mistake";
                return Err(thrown(Diagnostic::new(Code::Internal, mistake), at));
            };
            match outcome {
                Ok(value) => values.push(value),
                Err(error) if error.is_pseudo_error() => exits.push(error),
                Err(error) => failures.push((index, error, aftermath)),
            }
        }
        let mut failures = failures.into_iter();
        let Some((index, error, mut causes)) = failures.next() else {
            // `exit` ends the script, once all the others are done.
            let exit = exits.into_iter().next();
            return exit.map_or_else(|| Ok(Dynamic::from_array(values)), Err);
        };
        causes.push(format!("in the work on {}", named(index, items)));
        let mut left = Vec::new();
        for (index, error, aftermath) in failures {
            let also = message(&error);
            causes.push(format!("also failed: {}: {}", named(index, items), also.message));
            causes.extend(aftermath);
            left.extend(also.left);
        }
        Err(amend(error, causes, left))
    }
}

/// What is said of a function that takes anything else.
pub(crate) fn takes_one_item(code: Code) -> Diagnostic {
    Diagnostic::new(code, format!("The function of {PARALLEL} must take one item"))
        .next(format!("Write it like this: {PARALLEL}(items, |item| {{ … }})"))
}

/// Why a branch cannot write what is outside of it.
pub(crate) const NOT_SHARED: &str = "The function runs several times at once, so it sees what is outside of it, but cannot change it.";

/// What to do instead.
pub(crate) const RETURN: &str =
    "Return a value instead: parallel answers a list of them, in the order of the items.";

/// A place in the crew. Whoever gives it up lets go of virtual time; the last one leaves its hold.
struct Place<'a> {
    batch: &'a Batch<'a>,
    hold: Option<Hold>,
}

impl<'a> Place<'a> {
    fn of(batch: &'a Batch<'a>, hold: Option<Hold>) -> Self {
        batch.crew().working += 1;
        Self { batch, hold }
    }

    fn work(&mut self) {
        while let Some(index) = self.batch.next() {
            self.hold = self.batch.run_item(index, self.hold.take());
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut crew = self.batch.crew();
        crew.working -= 1;
        if crew.working == 0 {
            crew.hold = self.hold.take();
        } else {
            self.batch.running.end_work(self.batch.parts, self.hold.take());
        }
    }
}

/// An item in a few plain words, for the label of its branch: empty where there are none.
fn short(item: &Dynamic) -> String {
    let words = match item.read_lock::<Map>() {
        Some(map) => ["name", "connector"]
            .iter()
            .find_map(|key| map.get(*key).filter(|value| value.is_string()).map(plain))
            .unwrap_or_default(),
        None => plain(item),
    };
    let tame = |letter: char| {
        if letter.is_control() || letter == '/' { '_' } else { letter }
    };
    words.chars().take(LABEL).map(tame).collect::<String>().trim().to_owned()
}

fn plain(value: &Dynamic) -> String {
    let plain = value.is_string() || value.is_int() || value.is_bool() || value.is_char();
    if plain { value.to_string() } else { String::new() }
}

/// An item for a person.
fn named(index: usize, items: &[Dynamic]) -> String {
    let number = format!("item {} of {}", index + 1, items.len());
    match items.get(index).map(short).filter(|words| !words.is_empty()) {
        Some(words) => format!("'{words}' ({number})"),
        None => number,
    }
}
