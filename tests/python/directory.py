"""Looks at a served tenant, and changes it, as its administrator through Microsoft Graph.

    directory.py show FILE               our applications, with keys, principals and roles, as JSON
    directory.py principals FILE         all principals of ours, also those without an application
    directory.py add-user FILE           makes a user without any directory role
    directory.py legacy-roles FILE       the directory roles of the legacy account
"""

import base64
import hashlib
import json
import sys
import time

from tenant import Tenant


def listed(tenant, path):
    return tenant.graph("GET", path, **{"$top": "999"})["value"]


def principals(tenant):
    ours = [p for p in listed(tenant, "/servicePrincipals") if p["displayName"].startswith("ConnectSyncProvisioning_")]
    return [{"id": p["id"], "app_id": p["appId"]} for p in ours]


def show(tenant):
    applications = listed(tenant, "/applications")
    ours = [a for a in applications if a["displayName"].startswith("ConnectSyncProvisioning_")]
    return [described(tenant, application) for application in ours]


def described(tenant, application):
    # Key credentials carry the key itself only where they are asked for by name.
    path = f"/applications/{application['id']}"
    full = tenant.graph("GET", path, **{"$select": "id,keyCredentials,passwordCredentials"})
    found = tenant.graph("GET", "/servicePrincipals", **{"$filter": f"appId eq '{application['appId']}'"})
    principals = found["value"]
    return {
        "id": application["id"],
        "app_id": application["appId"],
        "name": application["displayName"],
        "unique_name": application.get("uniqueName"),
        "audience": application["signInAudience"],
        "keys": [key(k) for k in full["keyCredentials"]],
        "passwords": len(full["passwordCredentials"]),
        "principals": [principal["id"] for principal in principals],
        "roles": sorted(role for principal in principals for role in roles(tenant, principal)),
    }


def key(credential):
    certificate = base64.b64decode(credential["key"])
    return {
        "key_id": credential["keyId"],
        "usage": credential["usage"],
        "type": credential["type"],
        "end": credential["endDateTime"],
        "certificate_sha256": hashlib.sha256(certificate).hexdigest().upper(),
        "certificate": base64.b64encode(certificate).decode(),
    }


def roles(tenant, principal):
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    for assignment in tenant.graph("GET", path)["value"]:
        resource = tenant.graph("GET", f"/servicePrincipals/{assignment['resourceId']}")
        yield from (r["value"] for r in resource["appRoles"] if r["id"] == assignment["appRoleId"])


def add_user(tenant):
    domain = tenant.described["admin"]["username"].split("@")[1]
    name, password = f"plain@{domain}", "Pl4in-Us3r-Passw0rd"
    tenant.graph("POST", "/users", {
        "accountEnabled": True,
        "displayName": "Plain user",
        "mailNickname": "plain",
        "userPrincipalName": name,
        "passwordProfile": {"forceChangePasswordNextSignIn": False, "password": password},
    })
    # It shows, and can sign in, only after a while.
    deadline = time.monotonic() + 60
    while not tenant.has(f"/users/{name}"):
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not show")
        time.sleep(0.05)
    return {"username": name, "password": password}


def legacy_roles(tenant):
    name = tenant.described["legacy_account"]["username"]
    user = tenant.graph("GET", f"/users/{name}")
    assigned = tenant.graph(
        "GET", "/roleManagement/directory/roleAssignments",
        **{"$filter": f"principalId eq '{user['id']}'"})
    return {"enabled": user.get("accountEnabled", True), "roles": len(assigned["value"])}


if __name__ == "__main__":
    commands = {"show": show, "principals": principals, "add-user": add_user, "legacy-roles": legacy_roles}
    print(json.dumps(commands[sys.argv[1]](Tenant(sys.argv[2])), indent=1))
