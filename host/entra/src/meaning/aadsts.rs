//! The errors of the token endpoint. Source: facts 1.9.

use base::Code::{
    ClockSkew, GraphBadRequest, RemoteFailed, RemoteThrottled, SignInInteraction, SignInKeyUnknown,
    SignInRefused, SignInWrongPassword,
};

use super::AadstsRow;

const fn row(
    number: u32,
    says: &'static str,
    code: base::Code,
    meaning: &'static str,
    next: &'static str,
) -> AadstsRow {
    AadstsRow { number, says, code, passes: false, meaning, next }
}

/// A row whose cause passes with replication.
const fn fresh(
    number: u32,
    code: base::Code,
    meaning: &'static str,
    next: &'static str,
) -> AadstsRow {
    AadstsRow { number, says: "", code, passes: true, meaning, next }
}

const NEW_KEY: &str = "Make a new certificate and register it on the application.";
const REGISTER: &str = "Look at the application's key credentials, and register this certificate \
                        or rotate to one that is registered.";
const ASK_PERSON: &str = "Sign in with an administrator application's certificate instead, or with \
                          an account that needs no second factor.";
const CHECK_NAME: &str = "Check the name, and that you are in the right tenant.";
const OWN_MISTAKE: &str = "This is a mistake of credwright: please report it with the request id.";

/// Every known error of the token endpoint.
pub static AADSTS: &[AadstsRow] = &[
    row(
        700027,
        "expired",
        SignInKeyUnknown,
        "The certificate that signed is past its end, so the tenant no longer accepts it.",
        NEW_KEY,
    ),
    row(
        700027,
        "less than the minimum",
        SignInKeyUnknown,
        "The certificate's key is too short: the tenant wants RSA of at least 2048 bits.",
        NEW_KEY,
    ),
    fresh(
        700027,
        SignInKeyUnknown,
        "The tenant does not know the certificate that signed for this application. A key that \
         was registered a moment ago can take up to two minutes to be known everywhere.",
        REGISTER,
    ),
    row(
        700024,
        "",
        ClockSkew,
        "The signed statement was outside its time range: the clocks of this host and of the \
         tenant differ, or the request was held up for minutes on its way.",
        "Set this host's clock: timedatectl set-ntp true",
    ),
    fresh(
        700016,
        SignInRefused,
        "The tenant has no application with this id, or it was made a moment ago and is not known \
         everywhere yet.",
        CHECK_NAME,
    ),
    fresh(
        7000229,
        SignInRefused,
        "The application has no service principal in this tenant, or it was made a moment ago.",
        "Create the service principal, or run the script that registers the application again.",
    ),
    row(
        7000112,
        "",
        SignInRefused,
        "The application is disabled.",
        "Enable it in the tenant (Enterprise applications, Properties, Enabled for users to sign \
         in).",
    ),
    row(
        7000215,
        "",
        SignInRefused,
        "The client secret is wrong.",
        "Give the secret's value, not its id.",
    ),
    row(7000222, "", SignInRefused, "The client secret has expired.", "Use a certificate."),
    row(
        7000214,
        "",
        SignInKeyUnknown,
        "The certificate was revoked by whoever issued it.",
        NEW_KEY,
    ),
    row(
        7000277,
        "",
        SignInKeyUnknown,
        "The certificate was revoked by whoever issued it.",
        NEW_KEY,
    ),
    row(7000274, "", SignInKeyUnknown, "The certificate is outside its life.", NEW_KEY),
    row(1000502, "", SignInKeyUnknown, "The certificate is outside its life.", NEW_KEY),
    row(
        700021,
        "",
        SignInRefused,
        "The signed statement names another application than the request.",
        OWN_MISTAKE,
    ),
    row(
        700023,
        "audience",
        SignInRefused,
        "The signed statement is meant for another token endpoint: the tenant or the cloud is not \
         the one that was asked for.",
        "Check the tenant and the cloud of the profile.",
    ),
    row(
        700023,
        "",
        GraphBadRequest,
        "The scope names no resource.",
        "Give the scope as <application id>/.default.",
    ),
    row(
        700022,
        "",
        GraphBadRequest,
        "The scope names more than one resource.",
        "Ask for one resource at a time.",
    ),
    row(
        700030,
        "",
        SignInKeyUnknown,
        "The certificate's subject is not authorised for this application.",
        REGISTER,
    ),
    row(
        50012,
        "",
        SignInKeyUnknown,
        "The credential was refused: wrong secret, unknown certificate, or a signature that does \
         not verify.",
        REGISTER,
    ),
    row(
        50032,
        "",
        SignInKeyUnknown,
        "The certificate's key is too weak: the tenant wants RSA of at least 2048 bits.",
        NEW_KEY,
    ),
    row(
        5002730,
        "",
        SignInKeyUnknown,
        "The tenant does not accept this kind of key for this kind of signature.",
        "Sign with RS256 instead: make a new key, whose algorithm is found out again.",
    ),
    row(
        5002738,
        "",
        SignInKeyUnknown,
        "The tenant does not accept this kind of signature.",
        "Sign with RS256 instead: make a new key, whose algorithm is found out again.",
    ),
    row(5002723, "", SignInRefused, "The signed statement is malformed.", OWN_MISTAKE),
    row(50027, "", SignInRefused, "The signed statement is malformed.", OWN_MISTAKE),
    row(
        50048,
        "",
        SignInRefused,
        "The signed statement names two different applications.",
        OWN_MISTAKE,
    ),
    row(
        70001,
        "",
        SignInRefused,
        "The application is disabled, or not in this tenant.",
        CHECK_NAME,
    ),
    row(700011, "", SignInRefused, "The application is not in this tenant.", CHECK_NAME),
    row(
        7000218,
        "",
        SignInRefused,
        "This application is no public client, so a password alone does not sign in with it.",
        "Sign in with a certificate, or set another client id for sign-in by password.",
    ),
    row(
        700025,
        "",
        SignInRefused,
        "This application is a public client and may not send a credential of its own.",
        "Use another application for sign-in by certificate.",
    ),
    row(900144, "", SignInRefused, "The request lacks a parameter.", OWN_MISTAKE),
    row(9002313, "", SignInRefused, "The request is malformed.", OWN_MISTAKE),
    row(70003, "", SignInRefused, "This way to sign in is not supported.", OWN_MISTAKE),
    row(
        70011,
        "",
        GraphBadRequest,
        "The scope is not valid.",
        "Give the scope as <application id>/.default.",
    ),
    row(
        1002012,
        "",
        GraphBadRequest,
        "An application must ask for a scope that ends in /.default.",
        "Give the scope as <application id>/.default.",
    ),
    row(
        500011,
        "",
        SignInRefused,
        "The resource is not in this tenant. The synchronization service appears once directory \
         synchronization is switched on.",
        "Switch directory synchronization on in the tenant, or check the resource.",
    ),
    row(
        650057,
        "",
        SignInRefused,
        "The application has not asked for permissions of this resource.",
        "Add the resource to the application's required permissions.",
    ),
    row(
        50001,
        "",
        SignInRefused,
        "The resource is disabled or not in this tenant.",
        "Enable the resource's service principal in the tenant.",
    ),
    row(90002, "", SignInRefused, "There is no such tenant in this cloud.", CHECK_NAME),
    row(900023, "", SignInRefused, "The tenant's name is neither an id nor a domain.", CHECK_NAME),
    row(50049, "", SignInRefused, "The authority is not known.", "Check the cloud of the profile."),
    row(50059, "", SignInRefused, "The request names no tenant.", OWN_MISTAKE),
    row(50034, "", SignInWrongPassword, "There is no such user in the tenant.", CHECK_NAME),
    row(
        50126,
        "",
        SignInWrongPassword,
        "The user name or the password is wrong.",
        "Give the password again. After several wrong ones the account is locked for a while.",
    ),
    row(
        50053,
        "",
        SignInRefused,
        "The account is locked after too many wrong passwords, or the address is blocked.",
        "Wait some minutes before you try again.",
    ),
    row(
        50055,
        "",
        SignInInteraction,
        "The password has expired.",
        "Sign in with a browser once and set a new password.",
    ),
    row(50056, "", SignInWrongPassword, "The account has no password in the tenant.", ASK_PERSON),
    row(50057, "", SignInRefused, "The account is disabled.", "Enable the account in the tenant."),
    row(
        50054,
        "",
        SignInWrongPassword,
        "This is the account's old password.",
        "Give the new password.",
    ),
    row(70002, "", SignInWrongPassword, "The credential is wrong.", "Give the credential again."),
    row(50058, "", SignInInteraction, "A person must sign in first.", ASK_PERSON),
    row(50072, "", SignInInteraction, "A second factor must be set up first.", ASK_PERSON),
    row(50074, "", SignInInteraction, "A second factor is required.", ASK_PERSON),
    row(50076, "", SignInInteraction, "A second factor is required.", ASK_PERSON),
    row(50079, "", SignInInteraction, "A second factor must be set up first.", ASK_PERSON),
    row(
        50105,
        "",
        SignInRefused,
        "The account is not assigned to this application.",
        "Assign the account in the tenant (Enterprise applications, Users and groups).",
    ),
    row(
        50133,
        "",
        SignInRefused,
        "The session was revoked, for instance by a new password.",
        "Sign in again.",
    ),
    row(
        50173,
        "",
        SignInRefused,
        "The session was revoked, for instance by a new password.",
        "Sign in again.",
    ),
    row(
        53000,
        "",
        SignInInteraction,
        "Conditional Access wants a compliant device.",
        "Exclude this account or application from the policy, or use a workload identity policy.",
    ),
    row(
        53001,
        "",
        SignInInteraction,
        "Conditional Access wants a device that is joined to the domain.",
        "Exclude this account or application from the policy, or use a workload identity policy.",
    ),
    row(
        53003,
        "",
        SignInInteraction,
        "Conditional Access blocked the sign-in.",
        "Look at the sign-in log with the request id, and exclude this account or application.",
    ),
    row(
        53004,
        "",
        SignInInteraction,
        "A second factor must be set up, and this sign-in looks too risky for it.",
        ASK_PERSON,
    ),
    row(
        530035,
        "",
        SignInInteraction,
        "The tenant's security defaults block this kind of sign-in.",
        ASK_PERSON,
    ),
    fresh(
        65001,
        SignInRefused,
        "Nobody consented to what is asked for, or the consent was given a moment ago.",
        "Grant the permissions to the application in the tenant.",
    ),
    row(
        65004,
        "",
        SignInRefused,
        "Somebody declined the consent.",
        "Grant the permissions to the application in the tenant.",
    ),
    row(
        650052,
        "",
        SignInRefused,
        "The organisation has no service principal of the resource.",
        "Subscribe to the service, or create its service principal.",
    ),
    row(
        650056,
        "",
        SignInRefused,
        "The application is misconfigured.",
        "Look at the application's required permissions and at the consent.",
    ),
    row(
        650059,
        "",
        SignInRefused,
        "The application is not meant for this tenant.",
        "Check the application's sign-in audience, and the tenant.",
    ),
    row(
        9001023,
        "",
        SignInRefused,
        "This way to sign in needs a tenant's own endpoint.",
        OWN_MISTAKE,
    ),
    row(
        90033,
        "",
        RemoteFailed,
        "The directory is not available for a moment.",
        "Repeat the command in a few minutes.",
    ),
    row(
        90024,
        "",
        RemoteThrottled,
        "The tenant had too many requests.",
        "Repeat the command in a few minutes.",
    ),
    row(
        90055,
        "",
        RemoteThrottled,
        "The tenant had too many requests.",
        "Repeat the command in a few minutes.",
    ),
    row(
        50196,
        "",
        RemoteThrottled,
        "The same request came too often in a short time.",
        "Repeat the command in a few minutes.",
    ),
];
