//! One statement with its values, and the rows that come back.

use std::str::FromStr;

use base::{Code, Diagnostic, Result, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::any::{AnyArguments, AnyRow};

use crate::error;

/// A value of a statement: text or number, or the lack of one. There is nothing else in our tables.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

macro_rules! into_value {
    ($($kind:ty, $value:ident => $made:expr;)+) => {$(
        impl From<$kind> for Value {
            fn from($value: $kind) -> Self { $made }
        }

        impl From<Option<$kind>> for Value {
            fn from(value: Option<$kind>) -> Self {
                match value.map(Value::from) {
                    Some(value) => value,
                    None => <$kind as Absent>::ABSENT,
                }
            }
        }
    )+};
}

/// What stands for the lack of a value: the database wants to know its type even then.
trait Absent {
    const ABSENT: Value;
}

impl Absent for &str {
    const ABSENT: Value = Value::Text(None);
}
impl Absent for String {
    const ABSENT: Value = Value::Text(None);
}
impl Absent for &String {
    const ABSENT: Value = Value::Text(None);
}
impl Absent for i64 {
    const ABSENT: Value = Value::Number(None);
}
impl Absent for bool {
    const ABSENT: Value = Value::Number(None);
}
impl Absent for Timestamp {
    const ABSENT: Value = Value::Number(None);
}

into_value! {
    &str, value => Value::Text(Some(value.to_owned()));
    String, value => Value::Text(Some(value));
    &String, value => Value::Text(Some(value.clone()));
    i64, value => Value::Number(Some(value));
    bool, value => Value::Number(Some(i64::from(value)));
    Timestamp, value => Value::Number(Some(value.as_millis()));
}

/// A statement with its values, in the order of `$1`, `$2` …
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) sql: &'static str,
    values: Vec<Value>,
}

impl Query {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// Adds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds a value as JSON.
    pub(crate) fn bind_json(self, value: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_string(value).map_err(|error| {
            Diagnostic::new(Code::Internal, "A value cannot be written as JSON").source(&error)
        })?;
        Ok(self.bind(text))
    }

    /// The statement for sqlx.
    pub(crate) fn prepare(self) -> Result<sqlx::query::Query<'static, sqlx::Any, AnyArguments>> {
        let mut query = sqlx::query(self.sql);
        for value in self.values {
            query = match value {
                Value::Text(Some(text)) if text.contains('\0') => return Err(error::nul()),
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        Ok(query)
    }
}

/// A row that was read.
pub(crate) struct Row(pub(crate) AnyRow);

impl Row {
    pub(crate) fn text(&self, column: &str) -> Result<String> {
        self.0.try_get(column).map_err(|error| damaged(column, &error))
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<String>> {
        self.0.try_get(column).map_err(|error| damaged(column, &error))
    }

    pub(crate) fn number(&self, column: &str) -> Result<i64> {
        self.0.try_get(column).map_err(|error| damaged(column, &error))
    }

    pub(crate) fn optional_number(&self, column: &str) -> Result<Option<i64>> {
        self.0.try_get(column).map_err(|error| damaged(column, &error))
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool> {
        match self.number(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(error::damaged_record(column, format!("{other} is neither 0 nor 1"))),
        }
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.number(column)?))
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.optional_number(column)?.map(Timestamp::from_millis))
    }

    /// One of the words of an enum.
    pub(crate) fn word<T: FromStr<Err = String>>(&self, column: &str) -> Result<T> {
        self.text(column)?.parse().map_err(|error: String| error::damaged_record(column, error))
    }

    pub(crate) fn optional_word<T: FromStr<Err = String>>(
        &self,
        column: &str,
    ) -> Result<Option<T>> {
        self.optional_text(column)?
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: String| error::damaged_record(column, error))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|error| error::damaged_record(column, error))
    }
}

fn damaged(column: &str, error: &sqlx::Error) -> Diagnostic {
    error::damaged_record(column, error)
}
