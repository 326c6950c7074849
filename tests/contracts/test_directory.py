"""The directory of professionals over real sockets: queries, feeds, and who may act from then on."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway import schemas
from gateway.cli.endpoints import endpoints_of
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.config import Settings
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Octets

DSML = "{urn:oasis:names:tc:DSML:2:0:core}"
BASE = "dc=HPD,o=PASSERELLE,c=LU"
PEOPLE = f"ou=HCProfessional,{BASE}"
QUERY, FEED = "urn:ihe:iti:2010:ProviderInformationQuery", "urn:ihe:iti:2010:ProviderInformationFeed"
PATIENT, AT_ONCE, ROUNDS = "DIRECTORY-1", 4, 15
WEBER = f"uid=dr.weber,{PEOPLE}"


@dataclass
class Place:
    """A running installation with two workers, and the manager of its directory."""

    config: Path
    settings: Settings

    def manager(self) -> Acting:
        return Acting.at(self.settings, "identity-desk", "directory-manager")

    def physician(self) -> Acting:
        return Acting.at(self.settings, "hospital", "physician")

    def batch(self, content: str, *, action: str = FEED, acting: Acting | None = None, **how: str) -> Any:
        told = "".join(f' {name}="{value}"' for name, value in how.items())
        body = f'<batchRequest xmlns="{DSML[1:-1]}"{told}>{content}</batchRequest>'
        return asyncio.run(self._send(acting or self.manager(), action, c14n(etree.fromstring(body))))

    async def _send(self, acting: Acting, action: str, body: bytes) -> Any:
        url = endpoints_of(self.settings)["directory"]
        async with acting.identity.http() as http:
            reply = await acting._client(http).call(
                url, action, [body], packaged=False, assertion=acting.assertion()
            )
        schemas.validate("dsmlv2", reply.element)
        return reply.element

    def search(self, condition: str, acting: Acting | None = None, **how: str) -> Any:
        given = {"dn": PEOPLE, "scope": "wholeSubtree", "derefAliases": "neverDerefAliases", **how}
        told = "".join(f' {name}="{value}"' for name, value in given.items())
        request = f"<searchRequest{told}><filter>{condition}</filter></searchRequest>"
        return self.batch(request, action=QUERY, acting=acting)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def command(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "gateway.cli", "directory", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    config = prepare(tmp_path_factory.mktemp("directory") / "home", watched=False)
    with serving(config, workers=2):
        yield Place(config, load_settings(config))


def codes(answer: Any) -> list[str]:
    """The result of each request: the number, or the type of an errorResponse."""
    done = (
        each if each.find(f"{DSML}resultCode") is not None else each.find(f"{DSML}searchResultDone")
        for each in answer
    )
    return [
        kind if (kind := each.get("type")) else one.find(f"{DSML}resultCode").get("code")
        for each, one in zip(answer, done, strict=True)
    ]


def equal(name: str, value: str) -> str:
    return f'<equalityMatch name="{name}"><value>{value}</value></equalityMatch>'


def person(uid: str, request_id: str = "", **given: str) -> str:
    held = {"objectClass": "HCProfessional", "cn": uid, "sn": uid, "displayName": uid, **given}
    told = "".join(f'<attr name="{name}"><value>{value}</value></attr>' for name, value in held.items())
    named = f' requestID="{request_id}"' if request_id else ""
    return f'<addRequest dn="uid={uid},{PEOPLE}"{named}>{told}</addRequest>'


def modify(dn: str, how: str, name: str, *values: str, request_id: str = "") -> str:
    told = "".join(f"<value>{value}</value>" for value in values)
    named = f' requestID="{request_id}"' if request_id else ""
    change = f'<modification name="{name}" operation="{how}">{told}</modification>'
    return f'<modifyRequest dn="{dn}"{named}>{change}</modifyRequest>'


# --- queries and feeds ---------------------------------------------------------------------------


def test_a_professional_is_found_by_any_partner(place: Place) -> None:
    answer = place.search(equal("UID", "DR.WEBER"), place.physician())
    (entry,) = answer.iter(f"{DSML}searchResultEntry")
    assert entry.get("dn") == WEBER
    held = {each.get("name"): [v.text for v in each] for each in entry}
    assert held["displayName"] == ["Dr Anne Weber"]
    assert f"cn=Test Hospital 2.999.2.1,ou=Relationship,{BASE}" in held["memberOf"]
    (event,) = place.rows("SELECT message FROM audit WHERE \"transaction\" = 'ITI-58' ORDER BY id LIMIT 1")
    assert 'EventID csd-code="110112"' in event[0]
    assert "dr.weber" in event[0]


def test_a_life_in_the_directory(place: Place) -> None:
    before = len(place.rows("SELECT id FROM audit WHERE \"transaction\" = 'ITI-59'"))
    dn = f"uid=life,{PEOPLE}"
    renamed = f"uid=lives,{PEOPLE}"
    answer = place.batch(
        person("life", "1", mail="life@example.org")
        + modify(dn, "add", "telephoneNumber", "12 34", request_id="2")
        + f'<modDNRequest dn="{dn}" newrdn="uid=lives" requestID="3"/>'
        + f'<delRequest dn="{renamed}" requestID="4"/>',
        requestID="batch",
    )
    assert answer.get("requestID") == "batch"
    assert [each.get("requestID") for each in answer] == ["1", "2", "3", "4"]
    assert codes(answer) == ["0"] * 4
    told = place.rows("SELECT message, outcome FROM audit WHERE \"transaction\" = 'ITI-59' ORDER BY id")[
        before:
    ]
    assert [re.search(r'EventActionCode="(.)"', text)[1] for text, _ in told] == list("CUED")  # type: ignore[index]
    assert all('csd-code="99SupHPD-ISO21091-RDN"' in text for text, _ in told)
    assert [outcome for _, outcome in told] == [0] * 4


@pytest.mark.parametrize(
    ("on_error", "expected"),
    [
        ({}, ["0", "68", "notAttempted"]),
        ({"onError": "exit"}, ["0", "68", "notAttempted"]),
        ({"onError": "resume"}, ["0", "68", "0"]),
    ],
)
def test_after_a_failure(place: Place, on_error: dict[str, str], expected: list[str]) -> None:
    name = f"error{on_error.get('onError', '')}"
    answer = place.batch(person(name) + person(name) + person(f"{name}2"), **on_error)
    assert codes(answer) == expected
    found = place.search(f'<substrings name="uid"><initial>{name}</initial></substrings>')
    assert len(list(found.iter(f"{DSML}searchResultEntry"))) >= expected.count("0")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (person("x").replace("dc=HPD", "dc=OTHER"), "32"),
        (person("x").replace("uid=x,", "uid=,"), "34"),
        (person("x").replace("uid=x,", "cn=x,"), "64"),
        (person("x", objectClass="person"), "65"),
        (person("dr.weber"), "68"),
        (modify(f"uid=nobody,{PEOPLE}", "add", "mail", "a"), "32"),
        (modify(WEBER, "delete", "pager"), "16"),
        (modify(WEBER, "add", "displayName", "Other"), "19"),
        (modify(WEBER, "add", "cn", "dr anne WEBER"), "20"),
        (modify(WEBER, "replace", "uid", "x"), "67"),
        (modify(WEBER, "replace", "memberOf"), "53"),
        (f'<delRequest dn="{PEOPLE}"/>', "53"),
        (f'<delRequest dn="uid=2.999.2.1,ou=HCRegulatedOrganization,{BASE}"/>', "66"),
        (f'<delRequest dn="{WEBER}"><control type="1.2.3" criticality="true"/></delRequest>', "12"),
        (f'<modDNRequest dn="{WEBER}" newrdn="uid=x" newSuperior="ou=Relationship,{BASE}"/>', "53"),
    ],
)
def test_what_a_feed_may_not_do(place: Place, content: str, code: str) -> None:
    answer = place.batch(content)
    assert codes(answer) == [code]
    assert answer[0].findtext(f"{DSML}errorMessage")


@pytest.mark.parametrize(
    ("condition", "how", "code", "entries"),
    [
        (equal("uid", "nobody"), {}, "0", 0),
        (equal("uid", "dr.weber"), {"dn": "dc=HPD,o=NOWHERE,c=LU"}, "32", 0),
        ('<present name="uid"/>', {"sizeLimit": "2"}, "4", 2),
        ("<not>" * 12 + '<present name="uid"/>' + "</not>" * 12, {}, "11", 0),
        ('<extensibleMatch name="uid"><value>x</value></extensibleMatch>', {}, "18", 0),
        ('<substrings name="uid"/>', {}, "21", 0),
    ],
)
def test_limits_of_a_search(
    place: Place, condition: str, how: dict[str, str], code: str, entries: int
) -> None:
    answer = place.search(condition, **how)
    assert codes(answer) == [code]
    assert len(list(answer.iter(f"{DSML}searchResultEntry"))) == entries


@pytest.mark.parametrize(
    ("content", "action"),
    [
        ("", QUERY),
        (person("y"), QUERY),
        ('<searchRequest dn="x"/>', QUERY),
        (person("y", "1") + person("z", "1"), FEED),
        ('<authRequest principal="x"/>', FEED),
    ],
)
def test_batches_that_cannot_be_taken(place: Place, content: str, action: str) -> None:
    answer = place.batch(content, action=action)
    assert codes(answer) == ["malformedRequest"]
    assert "trace" in answer[0].findtext(f"{DSML}message")


def test_a_role_that_may_not_change_is_told_so_for_each_request(place: Place) -> None:
    acting = Acting.at(place.settings, "identity-desk", "identity-manager")
    answer = place.batch(person("y", "1") + person("z", "2"), acting=acting)
    assert codes(answer) == ["50", "50"]
    assert [each.get("requestID") for each in answer] == ["1", "2"]
    (row,) = place.rows("SELECT outcome, message FROM audit ORDER BY id DESC LIMIT 1")
    assert row[0] == 8
    assert row[1].count('csd-code="99SupHPD-ISO21091-RDN"') == 2


# --- who may act ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def letter(place: Place) -> Acting:
    """The physician who sees one letter of a patient."""
    acting, root = place.physician(), place.settings.domain.affinity_oid
    pid = f"PID|1||{PATIENT}^^^&{root}&ISO||TEST^DIRECTORY||19700101|F\rPV1|1|O\r"
    head = "MSH|^~\\&|EMR|HOSPITAL|P|DSP|20260101||ADT^A01|dir-1|P|2.3.1\rEVN|A01|20260101\r"
    assert b"MSA|AA" in asyncio.run(acting.feed((head + pid).encode()))
    sending = acting.send(
        Octets(b"a letter"), PATIENT, "Letter", "18842-5", "N", ".txt",
        unique_id="2.25.4711", set_id="2.25.4712", created=datetime.now(UTC),
    )  # fmt: skip
    asyncio.run(sending)
    return acting


async def asked(acting: Acting) -> list[int]:
    """What some requests at once find, each on a connection of its own."""
    return list(map(len, await asyncio.gather(*(acting.query(PATIENT) for _ in range(AT_ONCE)))))


def seen(place: Place, acting: Acting, number: int) -> tuple[set[int], set[str]]:
    """How many letters are seen by requests that reached both workers, and why not more."""
    last = place.rows("SELECT max(id) FROM audit")[0][0]
    counts, workers = set(), set()
    for _ in range(ROUNDS):
        counts |= set(asyncio.run(asked(acting)))
        told = place.rows(f"SELECT message, decision FROM audit WHERE id > {last} ORDER BY id")  # noqa: S608
        workers = {pid for text, _ in told for pid in re.findall(r'AlternativeUserID="(\d+)"', text)}
        if len(workers) == number:
            break
    assert len(workers) == number, "requests reached every worker"
    return counts, {reason for _, text in told for reason in re.findall(r'"reason":"([A-Z_]+)"', text)}


def test_who_is_deactivated_by_a_feed_is_out_with_the_next_request(place: Place, letter: Acting) -> None:
    assert seen(place, letter, 2) == ({1}, {"PERMIT"})
    assert codes(place.batch(modify(WEBER, "replace", "hpdProviderStatus", "Inactive"))) == ["0"]
    assert seen(place, letter, 2) == ({0}, {"SUBJECT_UNKNOWN"})
    (path,) = place.rows("SELECT decision FROM audit ORDER BY id DESC LIMIT 1")
    assert "SUBJECT_UNKNOWN inactive" in path[0]
    assert codes(place.batch(modify(WEBER, "replace", "hpdProviderStatus", "Active"))) == ["0"]
    assert seen(place, letter, 2) == ({1}, {"PERMIT"})


def test_who_is_deactivated_by_command_is_out_and_no_feed_helps(place: Place, letter: Acting) -> None:
    assert "deactivated" in place.command("deactivate", "dr.weber", "--reason", "left the house")
    assert seen(place, letter, 2) == ({0}, {"SUBJECT_UNKNOWN"})
    assert codes(place.batch(modify(WEBER, "replace", "hpdProviderStatus", "Active"))) == ["0"]
    assert seen(place, letter, 2) == ({0}, {"SUBJECT_UNKNOWN"})
    shown = place.command("show", "dr.weber")
    assert "deactivated by an operator" in shown
    assert "left the house" in shown
    assert "is active" in place.command("activate", "dr.weber")
    assert seen(place, letter, 2) == ({1}, {"PERMIT"})
    (row,) = place.rows("SELECT count(*) FROM audit WHERE message LIKE '%110137%left the house%'")
    assert row[0] == 1


def test_who_no_longer_works_there_is_out(place: Place, letter: Acting) -> None:
    group = f"cn=Test Hospital 2.999.2.1,ou=Relationship,{BASE}"
    assert codes(place.batch(modify(group, "delete", "member", WEBER))) == ["0"]
    assert seen(place, letter, 2) == ({0}, {"SUBJECT_UNKNOWN"})
    assert codes(place.batch(modify(group, "add", "member", WEBER))) == ["0"]
    assert seen(place, letter, 2) == ({1}, {"PERMIT"})
