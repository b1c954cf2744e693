//! A Rhai engine that is set up for one evaluation.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use cmdlets::AnyCmdlet;
use rhai::{
    AST, Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map, Module,
    ModuleResolver, Position, Scope,
};

use crate::combinators;
use crate::engine::Shared;
use crate::failure::{Failure, thrown};
use crate::program::{File, prepare};
use crate::running::Running;
use crate::value::to_json;

/// Cmdlets that have the name of a function of Rhai. Rhai prefers the form with the exact types, so
/// these are bound for each type by itself.
const SHADOWING: &[&str] = &["sleep"];

/// Sets an engine up: Rhai's functions, the cmdlets, the combinators, the modules.
pub(crate) fn build(
    shared: &Shared,
    running: &Arc<Running>,
    modules: &BTreeMap<String, File>,
) -> Engine {
    let mut engine = Engine::new_raw();
    prepare(&mut engine, &shared.limits);
    shared.builtins.register(&mut engine);
    engine.register_type_with_name::<Failure>("the details of a failure");
    for cmdlet in &shared.cmdlets {
        bind(&mut engine, *cmdlet, running);
    }
    combinators::register(&mut engine, running);
    let asts = modules.iter().map(|(name, file)| (name.clone(), file.ast.clone())).collect();
    engine.set_module_resolver(Modules { asts, made: Mutex::default() });
    let with = running.clone();
    engine.on_progress(move |_| with.progress());
    let with = running.clone();
    engine.on_print(move |text| with.say(text));
    let with = running.clone();
    engine.on_debug(move |text, _, _| with.say(text));
    engine
}

/// Binds one cmdlet: without an argument, with one map, with one plain value.
fn bind(engine: &mut Engine, cmdlet: &'static dyn AnyCmdlet, running: &Arc<Running>) {
    let name = cmdlet.about().name;
    let mut forms: BTreeSet<Vec<TypeId>> = [vec![], vec![TypeId::of::<Dynamic>()]].into();
    if SHADOWING.contains(&name) {
        forms.extend(
            [
                TypeId::of::<i64>(),
                TypeId::of::<f64>(),
                TypeId::of::<bool>(),
                TypeId::of::<char>(),
                TypeId::of::<()>(),
                TypeId::of::<ImmutableString>(),
                TypeId::of::<Map>(),
                TypeId::of::<Array>(),
                TypeId::of::<FnPtr>(),
            ]
            .map(|kind| vec![kind]),
        );
    }
    for form in forms {
        let with = running.clone();
        engine.register_raw_fn(name, form, move |context, arguments| {
            let at = context.call_position();
            // A variable arrives by reference: it is read, never taken.
            let arguments = match arguments.first() {
                None => serde_json::Value::Object(serde_json::Map::new()),
                Some(argument) => to_json(argument, &format!("The argument of {name}"))
                    .map_err(|error| thrown(error, at))?,
            };
            with.call(name, arguments, at)
        });
    }
}

/// The modules of a script, which the checker has found and seen before anything runs.
struct Modules {
    asts: BTreeMap<String, AST>,
    made: Mutex<BTreeMap<String, Arc<Module>>>,
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        at: Position,
    ) -> Result<Arc<Module>, Box<EvalAltResult>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(module) = made {
            return Ok(module);
        }
        let Some(ast) = self.asts.get(path) else {
            return Err(Box::new(EvalAltResult::ErrorModuleNotFound(path.to_owned(), at)));
        };
        let module = Module::eval_ast_as_new(Scope::new(), ast, engine)
            .map_err(|error| Box::new(EvalAltResult::ErrorInModule(path.to_owned(), error, at)))?;
        let module = Arc::new(module);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(path.to_owned(), module.clone());
        Ok(module)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use base::virtual_world::MemoryDisk;

    use super::*;
    use crate::{FileKind, Library, bundled};

    fn engine() -> crate::Engine {
        crate::Engine::new(Library::new(Arc::new(MemoryDisk::default()), bundled()))
    }

    #[test]
    fn cmdlets_that_shadow_a_function_of_rhai_are_bound_for_every_type() {
        let engine = engine();
        for cmdlet in &engine.0.cmdlets {
            let name = cmdlet.about().name;
            let taken =
                engine.0.builtins.names().get(name).is_some_and(|counts| counts.contains(&1));
            assert_eq!(taken, SHADOWING.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_cmdlet_parameter_and_field_can_be_written_in_a_script() {
        let mut text = "fn main(p) {\n".to_owned();
        for cmdlet in cmdlets::registry::all() {
            let names: Vec<String> = cmdlet
                .parameters()
                .iter()
                .map(|parameter| format!("{}: p", parameter.name))
                .collect();
            writeln!(text, "    let x = {}(#{{ {} }});", cmdlet.about().name, names.join(", "))
                .unwrap();
            for field in cmdlet.output() {
                writeln!(text, "    x.{};", field.name).unwrap();
            }
        }
        text.push('}');
        engine().compile("all.rhai", &text).map(drop).unwrap();
    }

    #[test]
    fn every_bundled_script_and_every_example_keeps_the_rules() {
        let engine = engine();
        let bundled = engine.library().list(FileKind::Script).unwrap().into_iter();
        let mut scripts: Vec<_> = bundled.map(|script| engine.script(&script.name)).collect();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
        for entry in std::fs::read_dir(examples).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "rhai") {
                let text = std::fs::read_to_string(&path).unwrap();
                scripts.push(engine.compile(&path.to_string_lossy(), &text));
            }
        }
        assert!(scripts.len() > 1);
        for script in scripts {
            if let Err(error) = script.and_then(|script| script.help()) {
                panic!("{}", crate::render(&error));
            }
        }
    }
}
