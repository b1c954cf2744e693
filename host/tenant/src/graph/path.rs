//! Paths of Microsoft Graph: objects by id, by alternate key, and actions by either spelling.

/// How a path names one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/applications/{id}`
    Id(String),
    /// `/applications(appId='…')`, `/directoryRoles/roleTemplateId={id}`
    Key {
        /// Name of the alternate key, as written.
        name: String,
        /// Its value.
        value: String,
    },
}

/// A path taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphPath {
    /// The path with `{id}` for every object: `/applications/{id}/addKey`.
    pub(crate) template: String,
    /// The objects, in the order of the path.
    pub(crate) targets: Vec<Target>,
}

/// Segments that are followed by an object's id.
const COLLECTIONS: &[&str] = &[
    "applications",
    "servicePrincipals",
    "users",
    "directoryRoles",
    "directoryRoleTemplates",
    "directoryObjects",
    "deletedItems",
    "appRoleAssignments",
    "appRoleAssignedTo",
    "oauth2PermissionGrants",
    "members",
    "owners",
    "roleAssignments",
    "roleDefinitions",
    "organization",
    "domains",
];

/// Segments that name something else than an object.
const WORDS: &[&str] = &[
    "me",
    "directory",
    "roleManagement",
    "addKey",
    "removeKey",
    "addPassword",
    "removePassword",
    "restore",
    "memberOf",
    "$ref",
    "$count",
    "delta",
];

/// What may stand where an id is expected without being one.
const AFTER_COLLECTION: &[&str] = &["$ref", "$count", "delta"];

/// The namespace of types and actions, and its alias, which Microsoft's own libraries send.
const NAMESPACES: &[&str] = &["microsoft.graph.", "graph."];

/// Types that a collection is cast to.
const TYPES: &[&str] = &["application", "servicePrincipal", "user", "group", "device"];

fn known(name: &str, words: &'static [&'static str]) -> Option<&'static str> {
    words.iter().copied().find(|word| word.eq_ignore_ascii_case(name))
}

/// The type or the action that a segment names with its namespace.
fn cast(segment: &str) -> Option<&'static str> {
    NAMESPACES.iter().find_map(|namespace| {
        let start = segment.get(..namespace.len())?;
        let name = start.eq_ignore_ascii_case(namespace).then(|| &segment[namespace.len()..])?;
        known(name, TYPES).or_else(|| known(name, WORDS))
    })
}

/// Strips quotes of an alternate key's value and undoubles those inside.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => value.to_owned(),
    }
}

/// `name='value'`, as between brackets; a value alone is an id.
fn target(text: &str) -> Target {
    match text.split_once('=') {
        Some((name, value)) => Target::Key { name: name.trim().to_owned(), value: unquoted(value) },
        None => Target::Id(unquoted(text)),
    }
}

/// Takes the decoded segments after `/v1.0` apart. Unknown words stay as they are; the template then
/// matches no operation.
pub(crate) fn parse(segments: &[String]) -> GraphPath {
    let mut template = String::new();
    let mut targets = Vec::new();
    let mut expects_id = false;
    for segment in segments {
        let cast = cast(segment);
        if expects_id && known(segment, AFTER_COLLECTION).is_none() && cast.is_none() {
            template.push_str("/{id}");
            let alternate = segment.to_ascii_lowercase().starts_with("roletemplateid=");
            targets.push(if alternate { target(segment) } else { Target::Id(segment.clone()) });
            expects_id = false;
            continue;
        }
        let (name, key) = match segment.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((name, key)) => (name, Some(key)),
            None => (segment.as_str(), None),
        };
        template.push('/');
        if let Some(collection) = known(name, COLLECTIONS) {
            template.push_str(collection);
            expects_id = key.is_none();
        } else {
            // Actions go by their short name, casts of a collection keep theirs (facts 3).
            match cast {
                Some(name) if TYPES.contains(&name) => {
                    template.push_str("microsoft.graph.");
                    template.push_str(name);
                }
                Some(action) => template.push_str(action),
                None => template.push_str(known(name, WORDS).unwrap_or(name)),
            }
            expects_id = false;
        }
        if let Some(key) = key {
            template.push_str("/{id}");
            targets.push(target(key));
        }
    }
    GraphPath { template, targets }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(path: &str) -> (String, Vec<Target>) {
        let segments: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let path = parse(&segments);
        (path.template, path.targets)
    }

    fn key(name: &str, value: &str) -> Target {
        Target::Key { name: name.to_owned(), value: value.to_owned() }
    }

    fn id(value: &str) -> Target {
        Target::Id(value.to_owned())
    }

    #[test]
    fn both_spellings_and_addressings_meet() {
        let add_key = "/applications/{id}/addKey";
        for (path, target) in [
            ("/applications/1/addKey", id("1")),
            ("/applications/1/microsoft.graph.addKey", id("1")),
            ("/Applications/1/addkey", id("1")),
            ("/applications(appId='1')/addKey", key("appId", "1")),
            ("/applications(uniqueName='it''s')/addKey", key("uniqueName", "it's")),
        ] {
            assert_eq!(parsed(path), (add_key.to_owned(), vec![target]), "{path}");
        }
    }

    #[test]
    fn role_members_and_deleted_items() {
        assert_eq!(
            parsed("/directoryRoles/roleTemplateId=7/members/8/$ref"),
            (
                "/directoryRoles/{id}/members/{id}/$ref".to_owned(),
                vec![key("roleTemplateId", "7"), id("8")]
            )
        );
        assert_eq!(parsed("/directoryRoles/7/members/$ref").0, "/directoryRoles/{id}/members/$ref");
        assert_eq!(
            parsed("/directory/deleteditems/microsoft.graph.application"),
            ("/directory/deletedItems/microsoft.graph.application".to_owned(), vec![])
        );
        assert_eq!(
            parsed("/directory/deletedItems/1/restore").0,
            "/directory/deletedItems/{id}/restore"
        );
        assert_eq!(
            parsed("/directory/deletedItems/graph.servicePrincipal").0,
            "/directory/deletedItems/microsoft.graph.servicePrincipal"
        );
        assert_eq!(parsed("/users/graph.someone@contoso.com").0, "/users/{id}");
        assert_eq!(parsed("/applications/$count").0, "/applications/$count");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(segments in prop::collection::vec(".{0,30}", 0..6)) {
            let _ = parse(&segments);
        }
    }
}
