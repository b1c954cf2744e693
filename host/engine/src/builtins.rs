//! The functions that Rhai brings along, less those that have no place here.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage,
    CorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

rhai::def_package! {
    /// Rhai's standard package without its clock: the time is a cmdlet.
    pub(crate) ScriptPackage(_module): CorePackage, BitFieldPackage, LogicPackage, BasicMathPackage,
        BasicArrayPackage, BasicBlobPackage, BasicMapPackage, MoreStringPackage {}
}

/// Functions that the parser knows by itself, with how many arguments they take.
const KEYWORDS: &[(&str, &[usize])] = &[
    ("print", &[0, 1]),
    ("debug", &[0, 1]),
    ("type_of", &[1]),
    ("is_shared", &[1]),
    ("is_def_var", &[1]),
    ("is_def_fn", &[2, 3]),
];

/// Functions that take another function: they are handed closures, never names, so that the
/// checker sees every call.
pub(crate) const TAKE_FUNCTIONS: &[&str] = &[
    "all",
    "dedup",
    "drain",
    "filter",
    "find",
    "find_map",
    "for_each",
    "map",
    "reduce",
    "reduce_rev",
    "retain",
    "some",
    "sort",
    "sort_by",
];

/// Functions of Rhai that scripts may not call, and what to do instead.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("eval", "Write the code out: the checker must see everything that a script may do."),
    ("Fn", "Write a closure: |x| f(x). The checker must see every call."),
    ("curry", "Write a closure: || f(x)."),
    ("timestamp", "Use the cmdlet now()."),
    ("get_fn_metadata_list", "Call the functions you know."),
];

/// Rhai's own functions, made once for an engine.
pub(crate) struct Builtins {
    package: ScriptPackage,
    names: OnceLock<BTreeMap<String, BTreeSet<usize>>>,
}

impl Builtins {
    pub(crate) fn new() -> Self {
        Self { package: ScriptPackage::new_lazy(), names: OnceLock::new() }
    }

    /// Gives them to an engine.
    pub(crate) fn register(&self, engine: &mut rhai::Engine) {
        self.package.register_into_engine(engine);
        refuse_names(engine);
    }

    /// Every name, with the numbers of arguments it takes.
    pub(crate) fn names(&self) -> &BTreeMap<String, BTreeSet<usize>> {
        self.names.get_or_init(|| {
            let mut engine = rhai::Engine::new_raw();
            ScriptPackage::new().register_into_engine(&mut engine);
            let all = engine.collect_fn_metadata(
                None,
                |found| Some((found.metadata.name.to_string(), found.metadata.num_params)),
                true,
            );
            let mut names: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
            for (name, count) in all {
                if rhai::is_valid_identifier(&name) {
                    names.entry(name).or_default().insert(count);
                }
            }
            for (name, counts) in KEYWORDS {
                names.entry((*name).to_owned()).or_default().extend(*counts);
            }
            for (name, _) in REFUSED {
                names.remove(*name);
            }
            names
        })
    }
}

/// Rhai's lists still take the name of a function in place of a function. Here they do not.
fn refuse_names(engine: &mut rhai::Engine) {
    let (list, text) = (TypeId::of::<Array>(), TypeId::of::<ImmutableString>());
    let any = TypeId::of::<Dynamic>();
    for name in TAKE_FUNCTIONS {
        for types in [vec![list, text], vec![list, text, any]] {
            engine.register_raw_fn(*name, types, move |context, _| {
                let message = format!("'{name}' takes a function, not the name of one");
                let at = context.call_position();
                Err::<Dynamic, Box<EvalAltResult>>(crate::failure::thrown(
                    base::Diagnostic::new(base::Code::ScriptRule, message)
                        .next(format!("Write a closure: {name}(|x| …)")),
                    at,
                ))
            });
        }
    }
    // `index_of` with a text looks for that text, as with any other value.
    engine.register_fn("index_of", |items: &mut Array, wanted: ImmutableString| {
        index_of(items, &wanted, 0)
    });
    engine.register_fn("index_of", |items: &mut Array, wanted: ImmutableString, start: i64| {
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let start = if start < 0 { (length + start).max(0) } else { start };
        index_of(items, &wanted, usize::try_from(start).unwrap_or(usize::MAX))
    });
}

fn index_of(items: &[Dynamic], wanted: &str, start: usize) -> i64 {
    let mut items = items.iter().enumerate().skip(start);
    items
        .find(|(_, item)| {
            item.read_lock::<ImmutableString>().is_some_and(|text| text.as_str() == wanted)
        })
        .and_then(|(at, _)| i64::try_from(at).ok())
        .unwrap_or(-1)
}
