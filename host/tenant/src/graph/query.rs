//! Query options of Microsoft Graph: `$filter`, `$select`, `$top`, `$skiptoken`, `$count`, `$orderby`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::error::GraphError;
use super::filter::Filter;
use crate::wire::{Answer, Request};

/// Sizes of pages (facts 6.3).
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 999;

/// The query options of one request.
pub(crate) struct Query {
    /// Properties asked for; empty for the default ones.
    pub(crate) select: Vec<String>,
    /// The filter.
    pub(crate) filter: Option<Filter>,
    top: usize,
    after: Option<String>,
    count: bool,
    order_by: Option<(String, bool)>,
}

impl Query {
    /// Reads the options.
    ///
    /// # Errors
    /// 400 for one that cannot be read, or that needs an advanced query (facts 6.3).
    pub(crate) fn read(request: &Request) -> Result<Self, GraphError> {
        let mut query = Self {
            select: Vec::new(),
            filter: None,
            top: DEFAULT_PAGE,
            after: None,
            count: false,
            order_by: None,
        };
        for (name, value) in &request.query {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "$select" | "select" => query.select = names(value),
                "$filter" | "filter" => query.filter = Some(filter(value)?),
                "$top" | "top" => query.top = page_size(value)?,
                "$skiptoken" => query.after = Some(position(value)?),
                "$count" | "count" => query.count = value.eq_ignore_ascii_case("true"),
                "$orderby" | "orderby" => query.order_by = Some(order(value)?),
                "$search" => {
                    return Err(unsupported("$search is not supported by this tenant."));
                }
                _ => {}
            }
        }
        let eventual = request
            .header("consistencylevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        let advanced = query.filter.as_ref().is_some_and(Filter::is_advanced)
            || query.filter.is_some() && query.order_by.is_some();
        let unfit = if advanced { !(eventual && query.count) } else { query.count && !eventual };
        if unfit {
            return Err(unsupported(
                "Unsupported Query. It needs the header ConsistencyLevel: eventual and \
                 $count=true.",
            ));
        }
        Ok(query)
    }

    /// Keeps of an object what was selected.
    pub(crate) fn selected(&self, mut object: Map<String, Value>) -> Map<String, Value> {
        if !self.select.is_empty() && !self.select.iter().any(|name| name == "*") {
            object.retain(|name, _| {
                name.starts_with('@')
                    || self.select.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            });
        }
        object
    }

    /// Whether a property was selected by name.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.select.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    }

    /// The context of one object: `$metadata#applications(id,appId)/$entity`.
    pub(crate) fn context(&self, request: &Request, set: &str, entity: bool) -> String {
        let select = if self.select.is_empty() {
            String::new()
        } else {
            format!("({})", self.select.join(","))
        };
        let end = if entity { "/$entity" } else { "" };
        format!("{}/v1.0/$metadata#{set}{select}{end}", request.base)
    }

    /// Answers one object, with its context and what was selected of it.
    pub(crate) fn one(&self, request: &Request, set: &str, object: Map<String, Value>) -> Answer {
        let mut body = Map::new();
        body.insert("@odata.context".to_owned(), self.context(request, set, true).into());
        body.extend(self.selected(object));
        Answer::json(200, body)
    }

    /// Answers a list: filters, sorts, pages and selects. Objects come in the order of their ids.
    pub(crate) fn list(
        &self,
        request: &Request,
        set: &str,
        objects: impl Iterator<Item = Map<String, Value>>,
    ) -> Answer {
        let mut passing: Vec<Value> = objects
            .map(Value::Object)
            .filter(|object| self.filter.as_ref().is_none_or(|filter| filter.matches(object)))
            .collect();
        let total = passing.len();
        if let Some((property, descending)) = &self.order_by {
            let key = |object: &Value| match object.get(property) {
                Some(Value::String(text)) => text.to_lowercase(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            passing.sort_by_cached_key(key);
            if *descending {
                passing.reverse();
            }
        }
        let id = |object: &Value| object.get("id").and_then(Value::as_str).map(str::to_owned);
        // After the object named by the token; where it is gone since, after where it would stand.
        let start = self.after.as_ref().map_or(0, |after| {
            let exact = passing.iter().position(|object| id(object).as_ref() == Some(after));
            exact.map_or_else(
                || passing.iter().take_while(|object| id(object).as_ref() <= Some(after)).count(),
                |at| at + 1,
            )
        });
        let rest = passing.split_off(start);
        let more = rest.len() > self.top;
        let page: Vec<Value> = rest.into_iter().take(self.top).collect();
        let last = page.last().and_then(id);
        let mut body = Map::new();
        body.insert("@odata.context".to_owned(), self.context(request, set, false).into());
        if self.count && self.after.is_none() {
            body.insert("@odata.count".to_owned(), total.into());
        }
        if let (true, Some(last)) = (more, last) {
            body.insert("@odata.nextLink".to_owned(), next_link(request, &last).into());
        }
        let value = page.into_iter().map(|object| match object {
            Value::Object(object) => Value::Object(self.selected(object)),
            other => other,
        });
        body.insert("value".to_owned(), value.collect());
        Answer::json(200, body)
    }
}

fn next_link(request: &Request, last: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in request.query.iter().filter(|(name, _)| name != "$skiptoken") {
        query.append_pair(name, value);
    }
    query.append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(last));
    format!("{}{}?{}", request.base, request.path, query.finish())
}

fn unsupported(message: &str) -> GraphError {
    GraphError::new(400, "Request_UnsupportedQuery", message)
}

fn names(value: &str) -> Vec<String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn filter(value: &str) -> Result<Filter, GraphError> {
    Filter::parse(value).ok_or_else(|| {
        GraphError::unparsed("Invalid filter clause").detail("InvalidFilter", value, "$filter")
    })
}

fn page_size(value: &str) -> Result<usize, GraphError> {
    match value.parse::<usize>() {
        Ok(size) if (1..=MAX_PAGE).contains(&size) => Ok(size),
        _ => Err(GraphError::bad_request(format!(
            "Invalid page size specified: '{value}'. Must be between 1 and {MAX_PAGE} inclusive."
        ))),
    }
}

fn position(value: &str) -> Result<String, GraphError> {
    URL_SAFE_NO_PAD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(
        || {
            GraphError::new(
                400,
                "Directory_ExpiredPageToken",
                "The specified page token value has \
                expired and can no longer be included in your request.",
            )
        },
    )
}

fn order(value: &str) -> Result<(String, bool), GraphError> {
    let mut words = value.split_whitespace();
    let property = words.next().filter(|name| !name.contains(','));
    let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(unsupported("Invalid $orderby.")),
    };
    let property = property.ok_or_else(|| unsupported("Sort by one property only."))?;
    Ok((property.to_owned(), descending))
}
