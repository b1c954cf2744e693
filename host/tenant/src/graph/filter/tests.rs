use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn application() -> Value {
    json!({
        "appId": "7b1f5f3e-0000-4000-8000-000000000001",
        "displayName": "ConnectSyncProvisioning_HOST",
        "api": { "requestedAccessTokenVersion": 2 },
        "identifierUris": ["api://one", "api://two"],
        "keyCredentials": [{ "keyId": "11111111-0000-4000-8000-000000000001", "usage": "Verify" }],
        "createdDateTime": "2026-11-22T14:00:00Z",
        "description": null,
        "isFallbackPublicClient": false,
    })
}

#[test]
fn what_clients_send_is_understood() {
    for (text, expected) in [
        ("appId eq '7B1F5F3E-0000-4000-8000-000000000001'", true),
        ("appId eq 7b1f5f3e-0000-4000-8000-000000000001", true),
        ("appId eq 'other'", false),
        ("startswith(displayName,'connectsync')", true),
        ("startsWith(displayName, 'Sync')", false),
        ("displayName eq 'x' or displayName ne 'x'", true),
        ("not startswith(displayName,'Connect')", false),
        ("displayName in ('a','ConnectSyncProvisioning_HOST')", true),
        ("identifierUris/any(uri:uri eq 'api://two')", true),
        ("identifierUris/all(uri:startswith(uri,'api'))", true),
        ("keyCredentials/any(k:k/keyId eq 11111111-0000-4000-8000-000000000001)", true),
        ("api/requestedAccessTokenVersion eq 2", true),
        ("description eq null and isFallbackPublicClient eq false", true),
        ("createdDateTime ge 2026-11-22T14:00:00Z", true),
        ("createdDateTime lt 2026-11-22T14:00:00Z", false),
        ("(displayName eq 'x' or appId ne 'y') and not (description ne null)", true),
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|| panic!("not parsed: {text}"));
        assert_eq!(filter.matches(&application()), expected, "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    for text in [
        "",
        "displayName",
        "displayName eq",
        "displayName eq 'open",
        "eq 'x'",
        "displayName eq 'x' and",
        "displayName eq 'x' displayName eq 'y'",
        "unknown(displayName,'x')",
        "(displayName eq 'x'",
        "any(x:x eq 1)",
        "displayName eq \"x\"",
    ] {
        assert_eq!(Filter::parse(text), None, "{text}");
    }
    assert_eq!(Filter::parse(&"(".repeat(100_000)), None);
    assert_eq!(Filter::parse(&"not ".repeat(100_000)), None);
}

#[test]
fn one_value_is_pinned_only_where_nothing_else_can_pass() {
    let pinned = |text: &str| Filter::parse(text).unwrap().pinned("appId").map(str::to_owned);
    assert_eq!(pinned("appId eq 'a' and displayName eq 'b'"), Some("a".to_owned()));
    assert_eq!(pinned("appId eq 'a' or displayName eq 'b'"), None);
    assert_eq!(pinned("not (appId eq 'a')"), None);
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9]{0,8}".prop_filter("a reserved word", |word| {
        let lower = word.to_ascii_lowercase();
        !RESERVED.contains(&lower.as_str())
            && !["true", "false", "null", "any", "all", "inf", "infinity", "nan"]
                .contains(&lower.as_str())
            && !FUNCTIONS.iter().any(|(name, _)| *name == lower)
    })
}

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(word(), 1..3).prop_map(Path)
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        ".{0,12}".prop_map(Literal::Text),
        (-1_000_000_i32..1_000_000).prop_map(|number| Literal::Number(number.into())),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}".prop_map(Literal::Word),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let operator = prop::sample::select(OPERATORS).prop_map(|(_, operator)| operator);
    let function = prop::sample::select(FUNCTIONS).prop_map(|(_, function)| function);
    let leaf = prop_oneof![
        (path(), operator, literal()).prop_map(|(path, operator, literal)| Filter::Compare {
            path,
            operator,
            literal
        }),
        (path(), prop::collection::vec(literal(), 1..3))
            .prop_map(|(path, literals)| Filter::In { path, literals }),
        (function, path(), literal()).prop_map(|(function, path, literal)| Filter::Function {
            function,
            path,
            literal
        }),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Filter::Or(l.into(), r.into())),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Filter::And(l.into(), r.into())),
            inner.clone().prop_map(|filter| Filter::Not(filter.into())),
            (any::<bool>(), path(), word(), inner).prop_map(|(all, path, variable, filter)| {
                Filter::Lambda { all, path, variable, filter: filter.into() }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn parsing_never_panics(text in ".{0,120}") {
        let _ = Filter::parse(&text);
    }

    #[test]
    fn parsing_words_of_the_grammar_never_panics(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "a", "eq", "'x'", "(", ")", "and", "or", "not", "any", "/", ":", ",", "in", "1",
                "startswith",
            ]),
            0..20,
        )
    ) {
        let _ = Filter::parse(&words.join(" "));
    }

    #[test]
    fn printed_filters_are_read_back(filter in filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Some(filter));
    }
}
