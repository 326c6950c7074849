"""Revocation over sockets: at most 5 s from the command to the refusals of every worker."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli import revoking
from gateway.record.revoked import RevokedKind

DEADLINE = 5.0
Wire = Any


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, authorities: SimpleNamespace, tools: SimpleNamespace
) -> Iterator[Wire]:
    """A server of two workers."""
    home = tmp_path_factory.mktemp("revocation") / "home"
    issuers = f'\n[[assertions.issuers]]\nentity_id = "{tools.AS}"\njwks = "as.json"\n'
    with tools.running(home, issuers, {"as.json": authorities.first.key_set("a1")}, workers=2) as found:
        yield found


def command(wire: Wire, *words: str) -> float:
    """Runs `passerelle revoke`; gives the moment at which it had ended."""
    line = [
        sys.executable,
        "-m",
        "gateway.cli",
        "revoke",
        *words,
        "--config",
        str(wire.home / "passerelle.toml"),
    ]
    subprocess.run(line, check=True, capture_output=True, cwd=Path.cwd())
    return time.monotonic()


def revoked(wire: Wire, kind: str, name: str) -> float:
    """As the command, without the time that a new process takes."""
    told = RevokedKind(kind), name, "left the house", None, "operator"
    asyncio.run(revoking.revoke(wire.settings, *told))
    return time.monotonic()


def lifted(wire: Wire, kind: str, name: str) -> None:
    asyncio.run(revoking.lift(wire.settings, RevokedKind(kind), name, "a mistake", "operator"))


class Link:
    """A connection that stays open, and so stays at one worker."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.connection: http.client.HTTPSConnection = wire.connect("hospital")

    def ask(self, token: str) -> int:
        headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
        self.connection.request("GET", f"/fhir{self.wire.documents('IDENTITY-1')}", headers=headers)
        response = self.connection.getresponse()
        response.read()
        return response.status


def worker_of(wire: Wire, link: Link, token: str) -> str:
    """The process that answers on a connection, as its audit row tells."""
    assert link.ask(token) == 200
    message = wire.rows()[-1][0]
    return str(message.split('AlternativeUserID="', 1)[1].split('"', 1)[0])


@pytest.fixture
def links(pair: Wire, authorities: SimpleNamespace) -> Iterator[list[Link]]:
    """An open connection to each of the workers."""
    token, found, tried = authorities.first.token(pair.claims()), {}, []
    for _ in range(100):
        link = Link(pair)
        tried.append(link)
        found.setdefault(worker_of(pair, link, token), link)
        if len(found) == 2:
            break
    assert len(found) == 2, "both workers answer"
    yield list(found.values())
    for each in tried:
        with contextlib.suppress(OSError):
            each.connection.close()


def refused_in_time(links: list[Link], token: str, began: float) -> float:
    """Both workers refuse, and go on refusing; gives the time of the later one."""
    last = 0.0
    for link in links:
        while link.ask(token) == 200:
            assert time.monotonic() - began < DEADLINE
            time.sleep(0.02)
        last = max(last, time.monotonic() - began)
    assert all(link.ask(token) in {401, 403} for link in links)
    return last


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("person", "dr.weber", 401),
        ("person", "NPI-7", 401),
        ("organisation", "urn:oid:2.999.2.1", 403),
        ("issuer", "https://as.example", 401),
        ("node", "hospital", 403),
    ],
)
def test_a_revocation_is_obeyed_by_every_worker(
    pair: Wire,
    links: list[Link],
    authorities: SimpleNamespace,
    tools: SimpleNamespace,
    kind: str,
    name: str,
    status: int,
) -> None:
    claims = pair.claims()
    claims["extensions"]["ihe_iua"]["national_provider_identifier"] = "NPI-7"
    token = authorities.first.token(claims)
    assert [link.ask(token) for link in links] == [200, 200]
    began = revoked(pair, kind, name)
    assert refused_in_time(links, token, began) < DEADLINE
    found = pair.fhir(token)
    assert found.status == status
    assert found.audit == [tools.node if status == 403 else tools.login]
    lifted(pair, kind, name)
    pair.until(lambda: all(link.ask(token) == 200 for link in links))


def test_one_token(pair: Wire, links: list[Link], authorities: SimpleNamespace) -> None:
    """The other token of the same person goes on."""
    claims = pair.claims()
    token, other = authorities.first.token(claims), authorities.first.token(pair.claims())
    began = command(pair, "token", claims["jti"], "--reason", "lost", "--until", "2036-01-01")
    assert refused_in_time(links, token, began) < DEADLINE
    assert [link.ask(other) for link in links] == [200, 200]


def test_over_soap(pair: Wire, tools: SimpleNamespace) -> None:
    """A person is shut out of SOAP as well."""
    acting = pair.acting()
    assert asyncio.run(acting.query(tools.PATIENT))
    revoked(pair, "person", "dr.weber")

    def shut_out() -> bool:
        with contextlib.suppress(Exception):
            asyncio.run(acting.query(tools.PATIENT))
            return False
        return True

    pair.until(shut_out)
    pair.until(lambda: all(shut_out() for _ in range(8)))
    now = pair.state()
    assert shut_out()
    assert pair.state() == now, "nothing is stored of what is refused"
    assert pair.rows()[-1][1] == 8
    lifted(pair, "person", "dr.weber")


def test_the_command_is_audited(pair: Wire) -> None:
    command(pair, "person", "dr.nobody", "--reason", "for the record")
    message, outcome = pair.rows()[-1]
    assert outcome == 0
    assert "110137" in message
    assert "for the record" in message
