//! A world for scripts: doubles of cmdlets, a journal in memory, a gate.

use std::path::Path;
use std::sync::{Arc, Mutex};

use base::virtual_world::VirtualWorld;
use base::{Code, Diagnostic, Disk, Ports, Result, Timestamp};
use cmdlets::parameter::{Kind, Parameter};
use cmdlets::{About, AnyCmdlet, Context, Replay};
use effect::{
    Approval, ApprovalRequest, Approver, Branch, Change, Circumstance, Effect, Entry, Event, Gate,
    GateParts, Impact, Interrupt, Journal, NewCall, Observer, Recording, StepIntent, Target, Undo,
};
use futures::future::{BoxFuture, LocalBoxFuture};
use serde_json::{Value, json};

use crate::library::{Embedded, FileKind, Library};
use crate::running::{Parts, Surroundings};
use crate::{Engine, Limits, Script, verdict};

/// A double of a cmdlet: a declaration, and what it does by its name in [`World::invoke`].
pub(super) struct Double {
    about: About,
    parameters: &'static [(&'static str, Kind, bool)],
}

const LEASE: Effect =
    Effect::Change(Change { target: Target::SchedulerLease, action: "set", impact: Impact::Low });
const CHANGE: Effect =
    Effect::Change(Change { target: Target::Application, action: "add", impact: Impact::Medium });
const DENIED: Effect =
    Effect::Change(Change { target: Target::User, action: "remove", impact: Impact::Medium });

const fn double(
    name: &'static str,
    effect: Effect,
    parameters: &'static [(&'static str, Kind, bool)],
) -> Double {
    let about = About {
        name,
        summary: "A double",
        effect,
        replay: Replay::Recorded,
        search_terms: &[],
        see_also: &[],
        errors: &[],
        examples: &[],
    };
    Double { about, parameters }
}

static DOUBLES: &[Double] = &[
    double("say", Effect::Read, &[("text", Kind::Text, true)]),
    double("sleep", Effect::Read, &[("duration", Kind::Text, true)]),
    double("echo", Effect::Read, &[("value", Kind::Any, false)]),
    double("fail", Effect::Read, &[("message", Kind::Text, false)]),
    double("boom", Effect::Read, &[]),
    double("interrupt", Effect::Read, &[]),
    double("add_thing", CHANGE, &[("name", Kind::Text, true), ("size", Kind::Integer, false)]),
    double("fail_late", CHANGE, &[]),
    double("boom_late", CHANGE, &[]),
    double("remove_user", DENIED, &[]),
    double(
        "pause_scheduler",
        LEASE,
        &[
            ("connector", Kind::Text, false),
            ("reason", Kind::Text, true),
            ("deadline", Kind::Span, false),
        ],
    ),
    double("get_scheduler", Effect::Read, &[("connector", Kind::Text, false)]),
    double(
        "find_sync_runs",
        Effect::Read,
        &[("connector", Kind::Text, false), ("since", Kind::Text, false)],
    ),
    double("resume_scheduler", LEASE, &[("connector", Kind::Text, false)]),
];

impl AnyCmdlet for Double {
    fn about(&self) -> &'static About {
        // The doubles live in a static, but a reference through `self` does not know that.
        &DOUBLES.iter().find(|double| double.about.name == self.about.name).unwrap().about
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.parameters
            .iter()
            .map(|(name, kind, required)| Parameter {
                name: (*name).to_owned(),
                kind: kind.clone(),
                required: *required,
                default: None,
                help: format!("The {name}"),
            })
            .collect()
    }

    fn description(&self) -> String {
        String::new()
    }

    fn output(&self) -> Vec<Parameter> {
        Vec::new()
    }

    fn check(&self, arguments: &Value) -> Result<()> {
        cmdlets::parameter::check(self.about.name, &self.parameters(), arguments).map(drop)
    }

    fn invoke<'a>(
        &'a self,
        _context: &'a Context,
        _gate: &'a Gate,
        _branch: &'a Branch,
        _arguments: Value,
        _circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<Value>> {
        unreachable!("doubles are invoked by their world")
    }

    fn establish<'a>(
        &'a self,
        _context: &'a Context,
        _open: &'a effect::OpenCall<'a>,
        _standing: &'a effect::Standing,
    ) -> LocalBoxFuture<'a, Result<()>> {
        unreachable!("doubles are invoked by their world")
    }
}

/// Files beside those of the binary.
static MODULES: &[Embedded] = &[
    Embedded {
        kind: FileKind::Module,
        name: "scheduler",
        text: include_str!("../../../../stdlib/scheduler.rhai"),
    },
    Embedded { kind: FileKind::Module, name: "tools", text: include_str!("tools.rhai") },
];

/// Keeps what is journalled.
#[derive(Default)]
pub(super) struct Records(pub(super) Mutex<Vec<Entry>>);

impl Journal for Records {
    fn commit<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().extend(entries.iter().cloned());
        Box::pin(async { Ok(()) })
    }
}

/// Keeps what is said.
#[derive(Default)]
pub(super) struct Watching(pub(super) Mutex<Vec<String>>);

impl Observer for Watching {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Said(text) = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

struct Nobody;

impl Approver for Nobody {
    fn approve<'a>(&'a self, _: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        Box::pin(async { Ok(Approval::NobodyThere("--yes".to_owned())) })
    }
}

pub(super) struct World {
    pub(super) ports: Ports,
    pub(super) world: VirtualWorld,
    /// Cmdlets that were invoked, in their order.
    pub(super) calls: Mutex<Vec<String>>,
    /// Cmdlets that fail.
    pub(super) broken: Mutex<Vec<&'static str>>,
}

impl Surroundings for World {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn invoke<'a>(
        &'a self,
        cmdlet: &'static dyn AnyCmdlet,
        gate: &'a Gate,
        branch: &'a Branch,
        arguments: Value,
    ) -> LocalBoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let name = cmdlet.about().name;
            let given = cmdlets::parameter::check(name, &cmdlet.parameters(), &arguments)?;
            let call = NewCall {
                branch,
                cmdlet: name,
                arguments: &arguments,
                effect: cmdlet.about().effect,
                replay: cmdlet.about().replay,
                subject: "default",
                circumstance: Circumstance::Asked,
            };
            gate.call(call, async |open| {
                self.calls.lock().unwrap().push(name.to_owned());
                if self.broken.lock().unwrap().contains(&name) {
                    return Err(Diagnostic::new(Code::SchedulerBusy, "it is broken"));
                }
                let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
                let intent = StepIntent {
                    name: name.to_owned(),
                    summary: name.to_owned(),
                    marker: Value::Null,
                    undo: Undo::irreversible("a test"),
                };
                match name {
                    "say" => gate.observer().observe(&Event::Said(text("text"))),
                    "sleep" => {
                        let seconds = text("duration").trim_end_matches('s').parse().unwrap();
                        self.ports.clock.sleep(std::time::Duration::from_secs(seconds)).await;
                    }
                    "echo" => return Ok(given.get("value").cloned().unwrap_or_default()),
                    "fail" => {
                        return Err(Diagnostic::new(Code::ConnectorState, text("message"))
                            .meaning("It means this.")
                            .next("Type that."));
                    }
                    "boom" => panic!("the double panics"),
                    "interrupt" => gate.interrupt().request(),
                    "fail_late" => {
                        open.step(intent.clone(), async || Ok(Some(())), async |_| Ok(())).await?;
                        return Err(Diagnostic::new(Code::GraphConflict, "It failed late"));
                    }
                    "boom_late" => {
                        let boom = async |_: effect::Permit<'_>| panic!("in a step");
                        open.step(intent, async || Ok(Some(())), boom).await?;
                    }
                    _ => {
                        open.step(intent, async || Ok(Some(())), async |_| Ok(())).await?;
                        return Ok(json!({ "done": name }));
                    }
                }
                Ok(Value::Null)
            })
            .await
        })
    }
}

/// A run that is not begun yet.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) world: Arc<World>,
    pub(super) records: Arc<Records>,
    pub(super) watching: Arc<Watching>,
    pub(super) interrupt: Arc<Interrupt>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let world = VirtualWorld::new(1, Timestamp::from_seconds(1_000_000)).unwrap();
        let ports = world.ports();
        let library = Library::new(ports.disk.clone(), MODULES).with_folder("/project");
        let cmdlets = DOUBLES.iter().map(|double| double as &'static dyn AnyCmdlet).collect();
        Self {
            engine: Engine::with(library, cmdlets, limits),
            world: Arc::new(World {
                ports,
                world,
                calls: Mutex::default(),
                broken: Mutex::default(),
            }),
            records: Arc::default(),
            watching: Arc::default(),
            interrupt: Arc::default(),
        }
    }

    pub(super) fn file(&self, path: &str, text: &str) {
        let path = Path::new(path);
        let disk: &dyn Disk = &*self.world.world.disk;
        disk.create_folder(path.parent().unwrap(), 0o700).unwrap();
        disk.write_atomic(path, text.as_bytes(), 0o600).unwrap();
    }

    pub(super) fn parts(&self) -> Parts {
        self.parts_after(Vec::new())
    }

    /// The parts of a run that goes on after these records.
    pub(super) fn parts_after(&self, records: Vec<Entry>) -> Parts {
        let parts = GateParts {
            journal: self.records.clone(),
            policy: Arc::new(effect::policy::DenyList(vec!["user".to_owned()])),
            approver: Arc::new(Nobody),
            observer: self.watching.clone(),
            interrupt: self.interrupt.clone(),
            ..effect::trial::parts(self.world.ports.clock.clone())
        };
        let gate = Gate::new(parts, Recording::of(records));
        Parts { gate: Arc::new(gate), branch: Arc::default(), surroundings: self.world.clone() }
    }

    pub(super) fn script(&self, text: &str) -> Result<Script> {
        self.engine.compile("test.rhai", text)
    }

    /// The same on the machine's clock, for limits of time.
    pub(super) fn on_real_time(&self) -> Parts {
        let ports = Ports { clock: Arc::new(base::clock::SystemClock), ..self.world.ports.clone() };
        let world = World {
            ports,
            world: self.world.world.clone(),
            calls: Mutex::default(),
            broken: Mutex::default(),
        };
        Parts { surroundings: Arc::new(world), ..self.parts() }
    }

    /// Runs a whole script and answers its value and its exit code.
    pub(super) fn run(&self, text: &str) -> (Result<Value>, u8) {
        let parts = self.parts();
        let result = self
            .script(text)
            .and_then(|script| script.run_with(&parts, Value::Null))
            .map(|finished| finished.value);
        let code = verdict(&parts.gate, &result);
        (result, code)
    }

    /// Runs the body of a `main` that must end well.
    pub(super) fn value(&self, body: &str) -> Value {
        let (result, code) = self.run(&format!("fn main(p) {{ {body} }}"));
        assert_eq!(code, 0, "{result:?}");
        result.unwrap()
    }

    /// Runs the body of a `main` that must fail.
    pub(super) fn failure(&self, body: &str) -> (Diagnostic, u8) {
        let (result, code) = self.run(&format!("fn main(p) {{ {body} }}"));
        (result.expect_err("it ended well"), code)
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.world.calls.lock().unwrap().clone()
    }
}
