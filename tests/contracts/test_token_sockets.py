"""ITI-71, 102, 103 and 40 over sockets: people with certificates of their own, tokens that open ITI-67."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
import pytest
from lxml import etree

from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client.soap import SoapClient
from gateway.crypto import jws
from gateway.crypto.keys import Signer, load_signer
from gateway.tokens.jws import thumbprint_claim
from tests.asking import asked_body

BACK = "https://localhost:9/back"
TREAT = "purpose_of_use=urn:oid:2.16.840.1.113883.5.8|TREAT"
ROLE = "subject_role=urn:oid:2.999.1.1|PHYSICIAN"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"


class Server:
    """A running server, and clients with the certificates of partners and people."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = load_settings(home / "passerelle.toml").server.public_url

    def client(self, name: str, folder: str = "clients") -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.home / "pki/trust.pem"))
        pair = self.home / "pki" / folder
        context.load_cert_chain(pair / f"{name}.pem", pair / f"{name}.key")
        return httpx.Client(verify=context, base_url=self.url, trust_env=False)

    def signer(self, name: str, folder: str = "people") -> Signer:
        pair = self.home / "pki" / folder
        return load_signer(pair / f"{name}.key", pair / f"{name}.pem")

    def token(self, partner: str = "hospital", **given: str) -> httpx.Response:
        with self.client(partner) as http:
            return http.post("/oauth2/token", data=given)

    def find(self, token: str, partner: str = "hospital", patient: str = "P1") -> httpx.Response:
        with self.client(partner) as http:
            return http.get(
                "/fhir/DocumentReference",
                params={"patient.identifier": f"urn:oid:2.999.1.1|{patient}", "status": "current"},
                headers={"authorization": f"Bearer {token}", "accept": "application/fhir+json"},
            )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("tokens") / "home"
    config = prepare(home, watched=False)
    for name in ("hospital", "pharmacy"):
        path = home / f"nodes/{name}.toml"
        text = re.sub(
            r"transactions = \[", 'transactions = ["ITI-40", "ITI-71", "ITI-102", ', path.read_text()
        )
        path.write_text(f'{text}redirect_uris = ["{BACK}"]\n')
    with serving(config):
        yield Server(home)


def signed(server: Server, uid: str = "dr.weber", signer: Signer | None = None) -> str:
    at, signer = int(time.time()), signer or server.signer(uid)
    claims = {
        "iss": uid,
        "sub": uid,
        "aud": f"{server.url}/oauth2/token",
        "iat": at,
        "exp": at + 60,
        "jti": str(uuid.uuid4()),
    }
    header = {"alg": "ES256", "x5t#S256": thumbprint_claim(signer.certificate)}
    text = f"{jws.encoded(orjson.dumps(header))}.{jws.encoded(orjson.dumps(claims))}"
    return f"{text}.{jws.encoded(signer.sign(text.encode()))}"


def code_of(server: Server, verifier: str, **changes: str) -> dict[str, str]:
    """What the browser of the physician is told to carry to the client."""
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "hospital",
        "redirect_uri": BACK,
        "state": "s-1",
        "scope": f"ITI-67 ITI-68 {TREAT} {ROLE}",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    with server.client("dr.weber", "people") as browser:
        answer = browser.get("/oauth2/authorize", params=asked)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def test_a_client_finds_its_way_by_the_metadata(server: Server) -> None:
    with server.client("laboratory") as http:
        told = http.get("/.well-known/oauth-authorization-server").json()
        keys = http.get(told["jwks_uri"]).json()["keys"]
    assert told["issuer"] == server.url
    assert [each["kty"] for each in keys] == ["EC"]


def test_a_token_of_a_code_opens_the_documents(server: Server) -> None:
    verifier = "v" * 43
    code = code_of(server, verifier)["code"]
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    assert server.token(**given, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert server.token("pharmacy", **given, code_verifier=verifier).json()["error"] == "invalid_grant"
    answer = server.token(**given, code_verifier=verifier)
    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    token = answer.json()["access_token"]
    assert server.find(token).json()["resourceType"] == "Bundle"
    assert server.token(**given, code_verifier=verifier).json()["error"] == "invalid_grant"


def test_a_token_is_of_use_to_its_client_only(server: Server) -> None:
    answer = server.token(grant_type=JWT, assertion=signed(server), scope=f"ITI-67 {TREAT}")
    token = answer.json()["access_token"]
    assert server.find(token).status_code == 200
    stolen = server.find(token, "pharmacy")
    assert stolen.status_code == 401
    assert "invalid_token" in stolen.headers["www-authenticate"]


def test_a_token_opens_what_it_was_granted_for(server: Server) -> None:
    answer = server.token(grant_type=JWT, assertion=signed(server), scope=f"ITI-68 {TREAT}")
    refused = server.find(answer.json()["access_token"])
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["www-authenticate"]


def test_a_token_for_one_patient_opens_no_other(server: Server) -> None:
    scope = f"ITI-67 {TREAT} person_id=P1^^^&2.999.1.1&ISO"
    token = server.token(grant_type=JWT, assertion=signed(server), scope=scope).json()["access_token"]
    assert server.find(token).status_code == 200
    assert server.find(token, patient="P2").status_code in {401, 403}


def test_what_is_altered_opens_nothing(server: Server) -> None:
    answer = server.token(grant_type=JWT, assertion=signed(server), scope=f"ITI-67 {TREAT}")
    head, claims, signature = answer.json()["access_token"].split(".")
    told = orjson.loads(jws.decoded(claims)) | {"sub": "nurse.klein"}
    forged = f"{head}.{jws.encoded(orjson.dumps(told))}.{signature}"
    assert server.find(forged).status_code == 401


def test_somebody_elses_key_gets_no_token(server: Server) -> None:
    mixed = signed(server, "dr.weber", server.signer("nurse.klein"))
    answer = server.token(grant_type=JWT, assertion=mixed, scope=f"ITI-67 {TREAT}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    node = signed(server, "dr.weber", server.signer("hospital", "clients"))
    answer = server.token(grant_type=JWT, assertion=node, scope=f"ITI-67 {TREAT}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_introspection_over_sockets(server: Server) -> None:
    token = server.token(grant_type=JWT, assertion=signed(server), scope=f"ITI-67 {TREAT}").json()
    with server.client("pharmacy") as http:
        told = http.post("/oauth2/introspect", data={"token": token["access_token"]}).json()
        refused = http.get("/oauth2/introspect")
    assert (told["active"], told["sub"], told["client_id"]) == (True, "dr.weber", "hospital")
    assert refused.status_code == 405
    with server.client("laboratory") as http:
        assert http.post("/oauth2/introspect", data={"token": "x"}).json()["error"] == "unauthorized_client"


def test_people_reach_the_door_for_people_and_no_other(server: Server) -> None:
    with server.client("dr.weber", "people") as browser:
        assert browser.get("/fhir/metadata").status_code == 403
        answer = browser.post("/oauth2/token", data={"grant_type": "client_credentials"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    with server.client("hospital") as node:
        answer = node.get("/oauth2/authorize", params={"response_type": "code"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_of_ours_opens_the_registry(server: Server) -> None:
    """The physician signs the request, the hospital sends it, and uses what comes back as Bearer token."""
    client = SoapClient(http=None, signer=server.signer("dr.weber"))  # type: ignore[arg-type]
    content_type, body = client.write(
        f"{server.url}/xua/sts", f"{WST}/RST/Issue", [asked_body()], packaged=False, assertion=None
    )
    with server.client("hospital") as http:
        answer = http.post("/xua/sts", content=body, headers={"content-type": content_type})
        contract = http.get("/xua/sts?wsdl")
    assert answer.status_code == 200, answer.text
    (assertion,) = etree.fromstring(answer.content).iter("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    alone = etree.tostring(assertion, method="c14n", exclusive=True, with_comments=False)
    token = urlsafe_b64encode(alone).rstrip(b"=").decode()
    assert server.find(token).json()["resourceType"] == "Bundle"
    assert server.find(token, "pharmacy").status_code == 401
    assert b"RequestSecurityToken" in contract.content


def test_who_is_deactivated_has_no_access_at_once(server: Server) -> None:
    """The token is still good; the directory says no."""
    answer = server.token(grant_type=JWT, assertion=signed(server, "nurse.klein"), scope=f"ITI-67 {TREAT}")
    assert answer.status_code == 200, answer.text
    command = [sys.executable, "-m", "gateway.cli", "directory", "deactivate", "nurse.klein"]
    config = ["--reason", "left", "--config", str(server.home / "passerelle.toml")]
    subprocess.run([*command, *config], check=True, capture_output=True)
    again = server.token(grant_type=JWT, assertion=signed(server, "nurse.klein"), scope=f"ITI-67 {TREAT}")
    assert again.json()["error"] == "invalid_grant"
    found = server.find(answer.json()["access_token"])
    assert found.json().get("total", 0) == 0
    with server.client("hospital") as http:
        told = http.post("/oauth2/introspect", data={"token": answer.json()["access_token"]}).json()
    assert told == {"active": False}
