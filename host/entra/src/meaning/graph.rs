//! The errors of Microsoft Graph. Sources: facts 2.1, 2.5, 3, 4.1, 4.3, 4.4, 5 and 6.1.

use base::Code::{
    GraphBadRequest, GraphConflict, GraphDenied, GraphNotFound, GraphToken, RemoteFailed,
    RemoteThrottled,
};

use super::GraphRow;

const fn row(
    name: &'static str,
    status: u16,
    says: &'static str,
    code: base::Code,
    meaning: &'static str,
    next: &'static str,
) -> GraphRow {
    GraphRow { name, status, says, code, passes: false, meaning, next }
}

/// A row whose cause passes with replication.
const fn fresh(
    name: &'static str,
    status: u16,
    says: &'static str,
    code: base::Code,
    meaning: &'static str,
    next: &'static str,
) -> GraphRow {
    GraphRow { name, status, says, code, passes: true, meaning, next }
}

const SIGN_IN_AGAIN: &str = "Sign in again: connect_tenant(#{ ... })";
const WAIT: &str = "Repeat the command in a minute.";
const LATER: &str = "Repeat the command in a few minutes.";
const LOOK: &str = "Look at what is there under that name, and choose another one or remove it.";
const OWN_MISTAKE: &str = "This is a mistake of credwright: please report it with the request id.";
const POLICY: &str = "Ask whoever sets the tenant's application management policy.";

/// Every known error of Microsoft Graph.
pub static GRAPH: &[GraphRow] = &[
    // Validation errors that only mean that something new is not known everywhere yet.
    fresh(
        "Request_BadRequest",
        400,
        "does not reference a valid application object",
        GraphBadRequest,
        "The application was made a moment ago and is not known everywhere yet.",
        WAIT,
    ),
    fresh(
        "Authorization_RequestDenied",
        403,
        "backing application",
        GraphDenied,
        "The application was made a moment ago and is not known everywhere yet.",
        WAIT,
    ),
    fresh(
        "Request_BadRequest",
        400,
        "not a valid reference update",
        GraphBadRequest,
        "One of the two objects was made a moment ago and is not known everywhere yet, or an id is \
         wrong.",
        WAIT,
    ),
    fresh(
        "Request_ResourceNotFound",
        404,
        "",
        GraphNotFound,
        "The object is not there. One that was made a moment ago can take minutes to be seen \
         everywhere.",
        "Check the id and the tenant; repeat the command in a minute if it is new.",
    ),
    fresh(
        "Authorization_IdentityNotFound",
        0,
        "",
        GraphToken,
        "The service principal that signed in is not known everywhere yet, or was removed.",
        WAIT,
    ),
    fresh("", 424, "", GraphNotFound, "Something that this depends on is not there yet.", WAIT),
    // Conflicts.
    row(
        "Request_MultipleObjectsWithSameKeyValue",
        0,
        "",
        GraphConflict,
        "There is another object with the same name or id.",
        LOOK,
    ),
    row(
        "Directory_ConcurrencyViolation",
        0,
        "",
        GraphConflict,
        "Somebody else changed the same object at the same time.",
        WAIT,
    ),
    row(
        "ObjectConflict",
        0,
        "",
        GraphConflict,
        "There is another object with the same name.",
        LOOK,
    ),
    row("Request_BadRequest", 400, "already exist", GraphConflict, "It is there already.", LOOK),
    row("", 409, "", GraphConflict, "The object is not in the state that was expected.", LOOK),
    // Credentials.
    row(
        "KeyCredentialsInvalidEndDate",
        0,
        "",
        GraphBadRequest,
        "The certificate's end does not suit the tenant: it is past, or the clocks differ, or an \
         expired certificate is still in the application's list.",
        "Check this host's clock, and remove expired certificates from the application.",
    ),
    row(
        "KeyCredentialsInvalidValue",
        0,
        "",
        GraphBadRequest,
        "The tenant cannot read the certificate.",
        "Use an X.509 certificate with an RSA key.",
    ),
    row(
        "CredentialInvalidLifetimeAsPerAppPolicy",
        0,
        "",
        GraphBadRequest,
        "The certificate lives longer than the tenant's policy for applications allows.",
        POLICY,
    ),
    row(
        "CredentialTypeNotAllowedAsPerAppPolicy",
        0,
        "",
        GraphBadRequest,
        "The tenant's policy for applications does not allow this kind of credential.",
        POLICY,
    ),
    row(
        "KeyNotUpdatable",
        0,
        "",
        GraphConflict,
        "A certificate that is registered cannot be altered, only removed.",
        "Read the application's certificates again, then repeat the command.",
    ),
    row(
        "Authentication_MissingOrMalformed",
        401,
        "",
        GraphToken,
        "The access token is malformed; or, when a key is added or removed, the proof was refused: \
         it must be signed by a certificate that is registered and valid now.",
        "Test the credential, then repeat the command.",
    ),
    // Rights and tokens.
    row(
        "Authorization_RequestDenied",
        403,
        "",
        GraphDenied,
        "Whoever signed in lacks the right to do this.",
        "Sign in as somebody with the role Application Administrator or Global Administrator, or \
         grant the application role.",
    ),
    row(
        "InvalidAuthenticationToken",
        401,
        "",
        GraphToken,
        "Microsoft Graph did not accept the access token: it expired, was revoked, or is meant for \
         something else.",
        SIGN_IN_AGAIN,
    ),
    row("", 401, "", GraphToken, "Microsoft Graph did not accept the access token.", SIGN_IN_AGAIN),
    row(
        "Directory_QuotaExceeded",
        0,
        "",
        GraphDenied,
        "Whoever signed in owns as many objects as is allowed.",
        "Remove objects that are no longer needed (deleted ones count for 30 days), or sign in as \
         somebody else.",
    ),
    row(
        "Directory_ResourceSizeExceeded",
        0,
        "",
        GraphBadRequest,
        "The object holds as much as is allowed: too many certificates, most likely.",
        "Remove certificates that are no longer used from the application.",
    ),
    row("", 403, "", GraphDenied, "Whoever signed in lacks the right to do this.", SIGN_IN_AGAIN),
    // What passes by itself.
    row("", 429, "", RemoteThrottled, "The tenant had too many requests.", LATER),
    row("", 500, "", RemoteFailed, "Microsoft Graph failed inside.", LATER),
    row("", 502, "", RemoteFailed, "Microsoft Graph is not available for a moment.", LATER),
    row("", 503, "", RemoteFailed, "Microsoft Graph is not available for a moment.", LATER),
    row("", 504, "", RemoteFailed, "Microsoft Graph is not available for a moment.", LATER),
    // Requests that are wrong.
    row("", 404, "", GraphNotFound, "The object is not there.", "Check the id and the tenant."),
    row(
        "Request_BadRequest",
        400,
        "domain portion",
        GraphBadRequest,
        "The user name's domain is not one of the tenant's verified domains.",
        "Use one of the tenant's domains.",
    ),
    row(
        "Request_BadRequest",
        400,
        "password complexity",
        GraphBadRequest,
        "The password is too simple for the tenant.",
        "Use a longer password with several kinds of characters.",
    ),
    row(
        "Request_UnsupportedQuery",
        400,
        "",
        GraphBadRequest,
        "Microsoft Graph cannot answer this question.",
        OWN_MISTAKE,
    ),
    row("", 405, "", GraphBadRequest, "Microsoft Graph cannot do this here.", OWN_MISTAKE),
    row(
        "",
        400,
        "",
        GraphBadRequest,
        "Microsoft Graph refused the request as wrong.",
        "Read the service's own words below.",
    ),
];
