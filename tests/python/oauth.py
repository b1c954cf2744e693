"""Signs in to a served tenant with Microsoft's own library, and judges its tokens with another.

    oauth.py certificate FILE    administrator, by certificate (PS256, x5t#S256)
    oauth.py sha1 FILE           administrator, by certificate (RS256, x5t)
    oauth.py password FILE       legacy account, by user name and password
    oauth.py wrong-password FILE the same with a wrong password: what the tenant answers
    oauth.py tls FILE            a handshake with Python's strict checks of RFC 5280
"""

import json
import pathlib
import socket
import ssl
import sys
from urllib.parse import urlsplit

import jwt
import msal
from tenant import GRAPH, Tenant, token

# Microsoft's public client of Entra Connect.
PUBLIC_CLIENT = "cb1056e2-e479-49de-ae31-7812af012ed8"


def judged(tenant, access_token, audience):
    """The claims of a token whose signature holds by the keys that the tenant publishes."""
    context = ssl.create_default_context(cafile=tenant.ca_file)
    configuration = tenant.http.get(f"{tenant.authority}/v2.0/.well-known/openid-configuration").json()
    keys = jwt.PyJWKClient(configuration["jwks_uri"], ssl_context=context)
    header = jwt.get_unverified_header(access_token)
    key = keys.get_signing_key_from_jwt(access_token)
    claims = jwt.decode(
        access_token, key, algorithms=["RS256"], audience=audience, options={"require": ["exp", "nbf", "iat"]}
    )
    forged = access_token[:-8] + ("AAAAAAAA" if access_token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    try:
        jwt.decode(forged, key, algorithms=["RS256"], audience=audience)
        sys.exit("a forged token passed")
    except jwt.InvalidSignatureError:
        pass
    wanted = ["aud", "tid", "appid", "azp", "idtyp", "roles", "scp", "upn", "ver", "iss"]
    seen = {name: claims[name] for name in wanted if name in claims}
    return {"alg": header["alg"], "issuer": configuration["issuer"], "life": claims["exp"] - claims["nbf"], **seen}


def certificate(tenant):
    return judged(tenant, tenant.administrator(), GRAPH)


def sha1(tenant):
    import hashlib
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    admin = tenant.described["admin"]
    pem = pathlib.Path(admin["certificate_pem"]).read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    application = msal.ConfidentialClientApplication(
        admin["client_id"],
        authority=tenant.authority,
        client_credential={"private_key": pem.decode(), "thumbprint": hashlib.sha1(der).hexdigest()},
        instance_discovery=False,
        http_client=tenant.http,
    )
    answer = application.acquire_token_for_client([f"{GRAPH}/.default"])
    return judged(tenant, token(answer), GRAPH)


def by_password(tenant, password):
    application = msal.PublicClientApplication(
        PUBLIC_CLIENT, authority=tenant.authority, instance_discovery=False, http_client=tenant.http
    )
    return application.acquire_token_by_username_password(
        tenant.described["legacy_account"]["username"], password, [f"{GRAPH}/.default"]
    )


def password(tenant):
    answer = by_password(tenant, tenant.described["legacy_account"]["password"])
    return judged(tenant, token(answer), GRAPH)


def wrong_password(tenant):
    answer = by_password(tenant, "not the password")
    return {name: answer.get(name) for name in ["error", "error_codes", "access_token"]}


def tls(tenant):
    context = ssl.create_default_context(cafile=tenant.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    where = urlsplit(tenant.described["authority"])
    with socket.create_connection((where.hostname, where.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname=where.hostname) as secure:
            names = secure.getpeercert()["subjectAltName"]
            version = secure.version()
    try:
        with socket.create_connection((where.hostname, where.port), 30) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname=where.hostname)
        sys.exit("a client that does not know the authority trusts it")
    except ssl.SSLCertVerificationError:
        return {"names": names, "version": version}


if __name__ == "__main__":
    commands = {
        "certificate": certificate,
        "sha1": sha1,
        "password": password,
        "wrong-password": wrong_password,
        "tls": tls,
    }
    print(json.dumps(commands[sys.argv[1]](Tenant(sys.argv[2])), indent=1))
