"""SEED-75: which identity opens which door, over sockets; every cell of the table is knocked at.

One function, one directory: professionals and patients by assertions of issuers, partner systems by their
certificates, operators by LDAP and a one-time code. What is good at one door opens no door of another kind.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gateway.cli.partner import Acting
from gateway.client.mllp import MllpClient
from gateway.client.session import Identity
from gateway.client.soap import Faulted, SoapClient
from gateway.client.token import issue_assertion
from gateway.client.xds import find
from gateway.crypto.keys import load_signer
from gateway.errors import GatewayError
from gateway.record.people import Code

OPEN, GONE = "open", "gone"
PATIENT = "DOORS-1"
ALICE, NODE_NAME = "alice", "hospital"
"""Operators of the directory; the second has the name of an enrolled partner system."""

SOAP, FHIR, MLLP = "soap", "fhir", "mllp"
TOKEN, PASSWORD, AUTHORIZE = "token", "password", "authorize"
ROUTES = ("login", "me", "logout")
DOORS = (
    SOAP,
    FHIR,
    MLLP,
    TOKEN,
    PASSWORD,
    AUTHORIZE,
    *(f"public {route}" for route in ROUTES),
    *(f"operators {route}" for route in ROUTES),
)


@dataclass(frozen=True, kw_only=True)
class Knocker:
    """What somebody shows: a certificate, an assertion, a token, and login with password and code."""

    certificate: str | None
    assertion: bytes | None = None
    token: str = ""
    login: str = ""


@dataclass(frozen=True)
class Kind:
    """A row of the table: how to make its knocker, and what each of DOORS answers."""

    make: Callable[[Any], Knocker]
    answers: str
    who: str = ""
    """A name that the operators' trail has of a refused knock with this certificate."""


def person(operating: Any, partner: str, role: str, name: str = "", patient: str | None = None) -> bytes:
    acting = Acting.at(operating.settings, partner, role, name)
    return acting.assertion(acting.full_id(patient) if patient else None, bearer=patient is not None)


def forged(operating: Any) -> bytes:
    """An assertion about an operator, signed with the key of a bastion as its own issuer."""
    stem = operating.home / "pki/clients/bastion"
    hospital = Identity.in_folder(operating.home, "hospital").signer
    assert hospital is not None
    return issue_assertion(
        signer=load_signer(stem.with_suffix(".key"), stem.with_suffix(".pem")),
        issuer="ldap",
        subject=f"ldap:{ALICE}",
        name="Alice",
        role=Code("221", "1.3.6.1.4.1.59219.1.5.1", "physician"),
        organisation="2.999.2.1",
        organisation_name="Test Hospital",
        purpose=Code("TREAT", "2.16.840.1.113883.5.8", "treatment"),
        audience=operating.settings.assertions.audience[0],
        patient=None,
        confirmation=hospital.certificate,
        now=datetime.now(UTC),
    )


def bearer(assertion: bytes) -> str:
    return base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()


def professional(operating: Any) -> Knocker:
    return Knocker(certificate="hospital", assertion=person(operating, "hospital", "physician"))


def patient(operating: Any) -> Knocker:
    return Knocker(
        certificate="patient-portal", assertion=person(operating, "patient-portal", "patient", "", PATIENT)
    )


def professional_named(name: str) -> Callable[[Any], Knocker]:
    return lambda operating: Knocker(
        certificate="hospital", assertion=person(operating, "hospital", "physician", name)
    )


def session(certificate: str, login: str) -> Callable[[Any], Knocker]:
    return lambda operating: Knocker(certificate=certificate, token=operating.login(login))


def as_token(make: Callable[[Any], Knocker]) -> Callable[[Any], Knocker]:
    """What is good at a door of records, shown at a bastion."""

    def made(operating: Any) -> Knocker:
        assertion = make(operating).assertion or b""
        return Knocker(certificate="bastion", assertion=assertion, token=bearer(assertion))

    return made


def anothers(operating: Any) -> Knocker:
    return Knocker(certificate="pharmacy", assertion=person(operating, "hospital", "physician"))


def own_issuer(operating: Any) -> Knocker:
    return Knocker(certificate="hospital", assertion=forged(operating))


def everything(operating: Any) -> Knocker:
    return Knocker(certificate="hospital", token=operating.login(ALICE), login=ALICE)


# columns: soap, fhir, mllp; token, password, authorize; login, me, logout at the public listener;
# the same at the operators' listener
KINDS = {
    "professional with assertion and certificate": Kind(
        professional, "open open open  open 401 401  404 404 404  403 403 403", "node hospital"
    ),
    "professional's assertion with another's certificate": Kind(
        anothers, "FailedAuthentication 401 AR  400 400 401  404 404 404  403 403 403", "node pharmacy"
    ),
    "patient with a token": Kind(
        patient, "open open AR  400 400 401  404 404 404  403 403 403", "node patient-portal"
    ),
    "node without a person": Kind(
        lambda _: Knocker(certificate="hospital"),
        "InvalidSecurity 401 open  open 401 401  404 404 404  403 403 403",
        "node hospital",
    ),
    "operator with a session, at a bastion": Kind(
        session("bastion", ALICE), "403 403 gone  401 401 401  403 403 403  401 open open"
    ),
    "operator with login and code, at a bastion": Kind(
        lambda _: Knocker(certificate="bastion", login=ALICE),
        "403 403 gone  401 401 401  403 403 403  open 401 401",
    ),
    "operator with session, login and code, at a node": Kind(
        everything, "InvalidSecurity 401 open  open 401 401  404 404 404  403 403 403", "node hospital"
    ),
    "operator as subject of an assertion of its own": Kind(
        own_issuer, "FailedAuthentication 401 open  open 401 401  404 404 404  403 403 403", "node hospital"
    ),
    "professional of an operator's name": Kind(
        professional_named(ALICE), "open open open  open 401 401  404 404 404  403 403 403", "node hospital"
    ),
    "operator of a node's name, at a bastion": Kind(
        session("bastion", NODE_NAME), "403 403 gone  401 401 401  403 403 403  401 open open"
    ),
    "professional's assertion as token, at a bastion": Kind(
        as_token(professional), "403 403 gone  401 401 401  403 403 403  401 401 401"
    ),
    "patient's assertion as token, at a bastion": Kind(
        as_token(patient), "403 403 gone  401 401 401  403 403 403  401 401 401"
    ),
    "operator with a certificate of another environment": Kind(
        lambda operating: Knocker(certificate="bastion-of-prod", token=operating.login(ALICE), login=ALICE),
        "403 403 gone  401 401 401  403 403 403  403 403 403",
        "another environment",
    ),
    "nobody without a certificate": Kind(
        lambda _: Knocker(certificate=None, login=ALICE),
        "gone gone gone  gone gone gone  gone gone gone  gone gone gone",
        "no client certificate",
    ),
}


# --- the doors ---------------------------------------------------------------------------------------


def at_public(operating: Any, path: str) -> str:
    return f"https://localhost:{operating.settings.server.port}{path}"


async def knock_soap(operating: Any, knocker: Knocker) -> str:
    """ITI-18 of the patient; the message is signed with the key of the certificate."""
    identity = Acting.at(operating.settings, "hospital", "physician")
    signer = None
    if knocker.certificate is not None:
        signer = Identity.in_folder(operating.home, knocker.certificate).signer
    headers = {"authorization": f"Bearer {knocker.token}"} if knocker.token else {}
    async with http(operating, knocker, headers) as client:
        soap = SoapClient(http=client, signer=signer)
        try:
            await find(soap, identity.endpoints, identity.full_id(PATIENT), knocker.assertion)
        except Faulted as fault:
            return (fault.subcode or "").rpartition(":")[2] or str(fault.status)
    return OPEN


async def knock_fhir(operating: Any, knocker: Knocker) -> str:
    """ITI-67 of the patient; the assertion or the token is the bearer's."""
    token = knocker.token or (bearer(knocker.assertion) if knocker.assertion else "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    root = operating.settings.domain.affinity_oid
    path = f"/fhir/DocumentReference?patient.identifier=urn:oid:{root}|{PATIENT}&status=current"
    async with http(operating, knocker, headers) as client:
        answer = await client.get(at_public(operating, path))
    return OPEN if answer.status_code == 200 else str(answer.status_code)


async def knock_mllp(operating: Any, knocker: Knocker) -> str:
    """A feed: the certificate of the system is all that counts there."""
    message = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A08|{time.time_ns() % 10**18}|T|2.3.1\r"
        f"EVN|A08|20260101120000\rPID|||{PATIENT}^^^&{operating.settings.domain.affinity_oid}&ISO"
        "||WEBER^ANNA||19800214|F\rPV1||O\r"
    )
    client = await MllpClient.connect(
        "localhost", operating.settings.server.mllp_port, operating.context(knocker.certificate)
    )
    try:
        answer = await client.send(message.encode())
    finally:
        await client.close()
    found = re.search(rb"MSA\|(\w\w)", answer)
    assert found is not None
    return OPEN if found[1] == b"AA" else found[1].decode()


async def knock_token(operating: Any, knocker: Knocker) -> str:
    """ITI-71 of a system: a token of its own, for its certificate."""
    return await asked_for_token(operating, knocker, {"grant_type": "client_credentials", "scope": "ITI-67"})


async def knock_password(operating: Any, knocker: Knocker) -> str:
    """The login of an operator where tokens for records are given out; there is no such grant."""
    told = operating.credentials(knocker.login or ALICE)
    given = {"grant_type": "password", "username": told["login"], "password": told["password"]}
    return await asked_for_token(operating, knocker, {**given, "scope": "ITI-67", "otp": told["code"]})


async def asked_for_token(operating: Any, knocker: Knocker, form: dict[str, str]) -> str:
    headers = {"authorization": f"Bearer {knocker.token}"} if knocker.token else {}
    async with http(operating, knocker, headers) as client:
        answer = await client.post(at_public(operating, "/oauth2/token"), data=form)
    return OPEN if answer.status_code == 200 else str(answer.status_code)


async def knock_authorize(operating: Any, knocker: Knocker) -> str:
    """The door of persons with a certificate of their own by the professionals' directory."""
    query = {
        "response_type": "code",
        "client_id": "hospital",
        "state": "s",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    async with http(operating, knocker, {}) as client:
        answer = await client.get(at_public(operating, "/oauth2/authorize"), params=query)
    return OPEN if answer.status_code in {200, 302} else str(answer.status_code)


def knock_operators(door: str) -> Callable[[Any, Knocker], Awaitable[str]]:
    """A route of the operators, at their listener or at the public one."""
    place, _, route = door.partition(" ")

    async def knock(operating: Any, knocker: Knocker) -> str:
        told = None
        if route == "login":
            told = operating.credentials(knocker.login or ALICE)
            if not knocker.login:
                told["password"] = "wrong"
        port = operating.settings.server.port if place == "public" else operating.settings.server.admin_port
        status, _ = await asyncio.to_thread(
            operating.ask,
            "GET" if route == "me" else "POST",
            f"/operators/{route}",
            told,
            name=knocker.certificate,
            token=knocker.token,
            port=port,
        )
        return OPEN if status in {200, 204} else str(status)

    return knock


def http(operating: Any, knocker: Knocker, headers: dict[str, str]) -> httpx.AsyncClient:
    context = operating.context(knocker.certificate)
    return httpx.AsyncClient(verify=context, headers=headers, trust_env=False)


KNOCKS = {
    SOAP: knock_soap,
    FHIR: knock_fhir,
    MLLP: knock_mllp,
    TOKEN: knock_token,
    PASSWORD: knock_password,
    AUTHORIZE: knock_authorize,
} | {door: knock_operators(door) for door in DOORS if " " in door}
BROKEN = (ssl.SSLError, ConnectionError, httpx.TransportError, OSError, EOFError, GatewayError)


# --- the table ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(operating: Any) -> Any:
    """With the patient, and operators who can log in."""
    for login in (ALICE, NODE_NAME):
        if login not in operating.secrets:
            asyncio.run(operating.enrol(login))
    acting = Acting.at(operating.settings, "hospital", "physician")
    answer = asyncio.run(
        acting.feed(
            b"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|DOORS|T|2.3.1\r"
            b"EVN|A01|20260101120000\rPID|||%b||WEBER^ANNA||19800214|F\rPV1||O\r"
            % acting.full_id(PATIENT).encode()
        )
    )
    assert b"MSA|AA" in answer
    return operating


def knocked(house: Any, knocker: Knocker, door: str) -> str:
    try:
        return asyncio.run(KNOCKS[door](house, knocker))
    except BROKEN:
        return GONE


@pytest.mark.parametrize("name", KINDS)
def test_seed_75_an_identity_opens_the_doors_of_its_kind_only(house: Any, name: str) -> None:
    """SEED-76 too: each knock is told to the trail of its door, with who it was, and to no other."""
    kind = KINDS[name]
    house.execute("DELETE FROM operator_failure")
    knocker = kind.make(house)
    found = []
    for door in DOORS:
        audit, trail = settled(house)
        found.append(knocked(house, knocker, door))
        told = told_of_operators if door.startswith("operators ") else told_of_records
        told(house, kind, found[-1], audit, trail)
    assert dict(zip(DOORS, found, strict=True)) == dict(zip(DOORS, kind.answers.split(), strict=True))


def settled(house: Any) -> tuple[int, int]:
    """How long both trails are, once nothing is being written any more."""
    seen = (-1, -1)
    while seen != (now := (len(house.audit()), len(house.trail()))):
        seen = now
        time.sleep(0.02)
    return seen


def told_of_operators(house: Any, kind: Kind, answer: str, audit: int, trail: int) -> None:
    """One line, but for asking who one is in an open session; the patients' trail is silent."""
    lines = house.trail(trail, least=0 if answer == OPEN else 1)
    assert len(lines) <= 1
    if answer != OPEN:
        assert kind.who in lines[0]
        assert 'outcome="failure"' in lines[0]
    assert house.audit(audit) == []


def told_of_records(house: Any, _kind: Kind, answer: str, audit: int, trail: int) -> None:
    rows = house.audit(audit, least=1)
    assert rows, "nothing was told"
    assert '"127.0.0.1"' in rows[0]
    failed = [re.search(r'EventOutcomeIndicator="(\d+)"', row) for row in rows]
    assert (answer == OPEN) == all(each is not None and each[1] == "0" for each in failed)
    assert house.trail(trail) == []
