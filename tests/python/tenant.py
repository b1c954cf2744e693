"""A served tenant by its description, and an administrator who signs in with MSAL."""

import json
import pathlib
import sys

import msal
import requests
from requests.adapters import HTTPAdapter

GRAPH = "https://graph.microsoft.com"


class Port(HTTPAdapter):
    """MSAL asks for the realm of a user without the port of the authority."""

    def __init__(self, authority):
        super().__init__()
        self.authority = authority

    def send(self, request, **settings):
        path = request.url.split("/", 3)[3]
        request.url = f"{self.authority}/{path}"
        return super().send(request, **settings)


class Tenant:
    def __init__(self, file):
        self.described = json.loads(pathlib.Path(file).read_text())
        self.authority = f"{self.described['authority']}/{self.described['tenant_id']}"
        self.ca_file = self.described["ca_file"]
        self.http = requests.Session()
        self.http.verify = self.ca_file
        self.http.trust_env = False
        authority = self.described["authority"]
        self.http.mount(authority.rpartition(":")[0] + "/common/userrealm/", Port(authority))

    def administrator(self):
        """An access token for Microsoft Graph, by certificate: PS256 with x5t#S256."""
        admin = self.described["admin"]
        pem = pathlib.Path(admin["certificate_pem"]).read_text()
        certificate = pem[pem.index("-----BEGIN CERTIFICATE-----"):]
        key = pem[pem.index("-----BEGIN PRIVATE KEY-----"):].split("-----END PRIVATE KEY-----")[0]
        application = msal.ConfidentialClientApplication(
            admin["client_id"],
            authority=self.authority,
            client_credential={
                "private_key": key + "-----END PRIVATE KEY-----\n",
                "public_certificate": certificate.split("-----END CERTIFICATE-----")[0]
                + "-----END CERTIFICATE-----\n",
            },
            instance_discovery=False,
            http_client=self.http,
        )
        return token(application.acquire_token_for_client([f"{GRAPH}/.default"]))

    def has(self, path):
        return self.ask("GET", path).ok

    def ask(self, method, path, body=None, **query):
        self.bearer = getattr(self, "bearer", None) or self.administrator()
        return self.http.request(
            method,
            f"{self.described['graph']}{path}",
            headers={"Authorization": f"Bearer {self.bearer}"},
            json=body,
            params=query,
        )

    def graph(self, method, path, body=None, **query):
        answer = self.ask(method, path, body, **query)
        if not answer.ok:
            sys.exit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def token(answer):
    if "access_token" not in answer:
        sys.exit(f"no token: {answer}")
    return answer["access_token"]
