//! What a parsed filter says of an object.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Filter, Function, Literal, Operator, Path};

impl Filter {
    /// Whether an object passes.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.holds(object, None)
    }

    fn holds(&self, object: &Value, bound: Option<(&str, &Value)>) -> bool {
        match self {
            Self::Or(left, right) => left.holds(object, bound) || right.holds(object, bound),
            Self::And(left, right) => left.holds(object, bound) && right.holds(object, bound),
            Self::Not(inner) => !inner.holds(object, bound),
            Self::Compare { path, operator, literal } => {
                compares(path.of(object, bound), *operator, literal)
            }
            Self::In { path, literals } => {
                let value = path.of(object, bound);
                literals.iter().any(|literal| compares(value, Operator::Eq, literal))
            }
            Self::Function { function, path, literal } => {
                applies(*function, path.of(object, bound), literal)
            }
            Self::Lambda { all, path, variable, filter } => {
                let Some(items) = path.of(object, bound).as_array() else { return *all };
                let mut outcomes =
                    items.iter().map(|item| filter.holds(object, Some((variable, item))));
                if *all { outcomes.all(|outcome| outcome) } else { outcomes.any(|outcome| outcome) }
            }
        }
    }

    /// Whether the directory answers this only as an advanced query (facts 6.3).
    pub(crate) fn is_advanced(&self) -> bool {
        match self {
            Self::Or(left, right) | Self::And(left, right) => {
                left.is_advanced() || right.is_advanced()
            }
            Self::Not(_) => true,
            Self::Compare { operator, .. } => *operator == Operator::Ne,
            Self::In { .. } => false,
            Self::Function { function, .. } => *function != Function::StartsWith,
            Self::Lambda { filter, .. } => filter.is_advanced(),
        }
    }

    /// The value that property `name` must have for anything to pass, where there is only one.
    pub(crate) fn pinned(&self, name: &str) -> Option<&str> {
        match self {
            Self::And(left, right) => left.pinned(name).or_else(|| right.pinned(name)),
            Self::Compare {
                path,
                operator: Operator::Eq,
                literal: Literal::Text(text) | Literal::Word(text),
            } if path.0 == [name] => Some(text),
            _ => None,
        }
    }
}

impl Path {
    fn of<'a>(&self, object: &'a Value, bound: Option<(&str, &'a Value)>) -> &'a Value {
        let mut parts = self.0.as_slice();
        let mut value = object;
        if let (Some((variable, item)), Some((first, rest))) = (bound, parts.split_first())
            && variable == first
        {
            (value, parts) = (item, rest);
        }
        for part in parts {
            value = value.get(part).unwrap_or(&Value::Null);
        }
        value
    }
}

/// Texts compare without regard to case, as the directory does.
fn compares(value: &Value, operator: Operator, literal: &Literal) -> bool {
    let ordering = match (value, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(value), Literal::Boolean(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => {
            value.as_f64().and_then(|value| value.partial_cmp(literal))
        }
        (Value::String(value), Literal::Text(literal) | Literal::Word(literal)) => {
            Some(value.to_lowercase().cmp(&literal.to_lowercase()))
        }
        _ => None,
    };
    match operator {
        Operator::Eq => ordering == Some(Ordering::Equal),
        Operator::Ne => ordering != Some(Ordering::Equal),
        Operator::Ge => ordering.is_some_and(Ordering::is_ge),
        Operator::Gt => ordering.is_some_and(Ordering::is_gt),
        Operator::Le => ordering.is_some_and(Ordering::is_le),
        Operator::Lt => ordering.is_some_and(Ordering::is_lt),
    }
}

fn applies(function: Function, value: &Value, literal: &Literal) -> bool {
    let (Some(value), Literal::Text(literal) | Literal::Word(literal)) = (value.as_str(), literal)
    else {
        return false;
    };
    let (value, literal) = (value.to_lowercase(), literal.to_lowercase());
    match function {
        Function::StartsWith => value.starts_with(&literal),
        Function::EndsWith => value.ends_with(&literal),
        Function::Contains => value.contains(&literal),
    }
}
