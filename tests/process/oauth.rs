//! The served tenant as Microsoft's own library and an independent one see it.

use serde_json::json;

use super::harness::python;
use super::served::Served;

#[test]
fn microsofts_library_signs_in_and_another_verifies_its_tokens() {
    let served = Served::new();
    let description = served.description();
    for way in ["certificate", "sha1"] {
        let claims = python("oauth.py", &[way, &served.file()]);
        assert_eq!(claims["appid"], description["admin"]["client_id"], "{claims:#}");
        assert_eq!(claims["tid"], description["tenant_id"], "{claims:#}");
        assert_eq!(claims["idtyp"], "app", "{claims:#}");
        let roles = claims["roles"].as_array().unwrap();
        assert!(roles.contains(&json!("Application.ReadWrite.All")), "{claims:#}");
    }
    let claims = python("oauth.py", &["password", &served.file()]);
    assert_eq!(claims["upn"], description["legacy_account"]["username"], "{claims:#}");
    assert_eq!(claims["idtyp"], "user", "{claims:#}");
    let refused = python("oauth.py", &["wrong-password", &served.file()]);
    let expected =
        json!({ "error": "invalid_grant", "error_codes": [50126], "access_token": null });
    assert_eq!(refused, expected);
}

#[test]
fn strict_tls_clients_accept_it_and_strangers_do_not() {
    let served = Served::new();
    let seen = python("oauth.py", &["tls", &served.file()]);
    assert_eq!(seen["version"], "TLSv1.3");
    let names = seen["names"].as_array().unwrap();
    assert!(names.contains(&json!(["IP Address", "127.0.0.1"])), "{names:?}");
}
