"""AUD-08 over sockets: a row of the audit stays small whatever is asked, with the hash of the whole."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client import queries
from gateway.client.soap import SoapClient

MOST = 256 * 1024


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = prepare(tmp_path_factory.mktemp("bounds") / "system")
    with serving(found):
        yield found


def last_row(config: Path, transaction: str) -> tuple[str, str]:
    """Message and evidence."""
    path = load_settings(config).database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        statement = 'SELECT message, evidence FROM audit WHERE "transaction" = ? ORDER BY id DESC LIMIT 1'
        message, evidence = connection.execute(statement, (transaction,)).fetchone()
        return str(message), str(evidence)


def send(config: Path, endpoint: str, action: str, body: bytes, *, packaged: bool) -> str:
    """The SHA-256 of the request as it went over the wire; what becomes of it is not the question."""
    acting = Acting.of(config, "hospital", "physician")
    url = getattr(acting.endpoints, endpoint)
    client = SoapClient(http=None, signer=acting.identity.signer)  # type: ignore[arg-type]  # it only writes
    kind, octets = client.write(url, action, [body], packaged=packaged, assertion=acting.assertion())
    with httpx.Client(verify=acting.identity.context(), timeout=60) as http:
        assert http.post(url, content=octets, headers={"content-type": kind}).content
    return sha256(octets).hexdigest()


def test_a_query_of_ten_megabytes_leaves_its_hash(config: Path) -> None:
    acting = Acting.of(config, "hospital", "physician")
    found = queries.find_body(acting.full_id("BOUNDS-1"))
    value = b"<rim:Value>('%b')</rim:Value>" % (b"x" * 4_990_000)
    slot = b'<rim:Slot name="$XDSDocumentEntryTitle"><rim:ValueList>%b</rim:ValueList></rim:Slot>' % (
        value * 2
    )
    body = found.replace(b"</rim:AdhocQuery>", slot + b"</rim:AdhocQuery>")
    digest = send(config, "registry", "urn:ihe:iti:2007:RegistryStoredQuery", body, packaged=False)
    message, evidence = last_row(config, "ITI-18")
    assert len(message) + len(evidence) < MOST
    assert json.loads(evidence)["request_sha256"] == digest


def test_five_thousand_objects_leave_number_and_hash(config: Path) -> None:
    acting = Acting.of(config, "hospital", "physician")
    names = [f"2.25.{number}" for number in range(5_000)]
    wanted = [(acting.endpoints.repository_unique_id, each) for each in names]
    action = "urn:ihe:iti:2007:RetrieveDocumentSet"
    send(config, "repository", action, queries.retrieve_body(wanted), packaged=True)
    message, _ = last_row(config, "ITI-43")
    assert len(message) < MOST
    details = dict(re.findall(r'<ParticipantObjectDetail type="(LeftOut[^"]+)" value="([^"]+)"', message))
    kept = set(re.findall(r'ParticipantObjectID="(2\.25\.\d+)"', message))
    left = [each for each in names if each not in kept]
    assert len(kept) > 100
    # What stands behind the documents in the message is left out with them.
    assert len(left) <= int(b64decode(details["LeftOutCount"])) <= len(left) + 2
    assert re.fullmatch(r"[0-9a-f]{64}", b64decode(details["LeftOutSHA256"]).decode())
