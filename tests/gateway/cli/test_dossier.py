"""`passerelle audit dossier` as an auditor types it, beside a running server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from typer.testing import CliRunner

from gateway.audit.proof import Trusted, verify_proof
from gateway.cli.main import app
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.crypto.keys import fingerprint, load_certificates
from gateway.errors import GatewayError

MESSAGE = (
    "MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{event}|{number}|P|2.3.1\r"
    "EVN|{event}|20260101120000\rPID|1||{patient}||DOSSIER^ANNA||19700101|F\r{more}PV1|1|O\r"
)


class Place:
    """A served installation."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        path = self.config.parent / "data/passerelle.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()

    def trace(self, transaction: str) -> str:
        """The newest exchange of a transaction, once it is sealed."""
        query = f"SELECT trace_id, id FROM audit WHERE \"transaction\" = '{transaction}' ORDER BY id DESC"  # noqa: S608
        trace, number = self.rows(query)[0]
        while not self.rows(f"SELECT 1 FROM audit_leaf WHERE audit_id = {number}"):  # noqa: S608
            time.sleep(0.05)
        return str(trace)

    def feed(self, event: str, patient: str, more: str = "") -> None:
        acting = Acting.of(self.config, "hospital", "physician")
        told = {"event": event, "patient": acting.full_id(patient), "number": time.time_ns() % 10**18}
        more = more and f"MRG|{acting.full_id(more)}\r"
        assert b"MSA|AA" in asyncio.run(acting.feed(MESSAGE.format(**told, more=more).encode()))

    def dossier(self, trace: str, name: str) -> bytes:
        output = self.config.parent / name
        arguments = ["audit", "dossier", trace, "-o", str(output), "--config", str(self.config)]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert output.stat().st_mode & 0o077 == 0, "only its owner reads it"
        return output.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    config = prepare(tmp_path_factory.mktemp("dossier") / "system")
    with serving(config):
        found = Place(config)
        found.feed("A01", "DOSSIER-1")
        found.feed("A01", "DOSSIER-2")
        asyncio.run(Acting.of(config, "hospital", "physician").query("DOSSIER-1"))
        yield found


def test_the_machine_form_proves_itself(place: Place) -> None:
    trace = place.trace("ITI-18")
    found = json.loads(place.dossier(trace, "one.json"))
    assert found["trace_id"] == trace
    (told,) = found["rows"]
    assert told["evidence_fault"] is None
    row, standing = told["row"], told["place"]
    entry = {
        "id": row["id"],
        "at": row["at"],
        "message_sha256": sha256(row["message"].encode()).hexdigest(),
        "evidence_sha256": sha256(row["evidence"].encode()).hexdigest(),
    }
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    assert sha256(canonical).hexdigest() == standing["leaf"]
    ours = load_certificates(load_settings(place.config).signing.certificate.read_bytes())
    trusted = Trusted(signers=[fingerprint(each.public_bytes(Encoding.DER)) for each in ours])
    proven = verify_proof(json.dumps(found["proof"]).encode(), trusted)
    assert (proven.trace_id, proven.positions) == (trace, (standing["position"],))
    alone = place.config.parent / "proof.json"
    alone.write_text(json.dumps(found["proof"]))
    done = CliRunner().invoke(app, ["audit", "verify", str(alone)])
    assert (done.exit_code, trace in done.output) == (0, True)


def test_it_says_who_decided_how_and_what_was_answered(place: Place) -> None:
    text = place.dossier(place.trace("ITI-18"), "one.html").decode()
    for expected in (
        "hospital",
        "CN=hospital",
        "dr.weber",
        "find documents: permitted",
        "DOSSIER-1^^^&amp;2.999.1.1&amp;ISO",
        "Request, SHA-256",
        "the signature holds for this row",
        "position ",
        "every row is in the signed tree",
        "Audit messages",
    ):
        assert expected in text, expected
    assert "<script" not in text


def test_rows_of_several_patients_are_all_told(place: Place) -> None:
    place.feed("A40", "DOSSIER-1", "DOSSIER-2")
    trace = place.trace("ITI-8")
    found = json.loads(place.dossier(trace, "merge.json"))
    assert [each["row"]["message"].count("DOSSIER-") for each in found["rows"]] == [1, 1]
    text = place.dossier(trace, "merge.html").decode()
    assert "No rule was asked" in text or "permitted" in text
    assert "DOSSIER-2^^^" in text


def test_the_pdf_is_signed_and_carries_the_machine_form(place: Place) -> None:
    trace = place.trace("ITI-18")
    reader = PdfFileReader(BytesIO(place.dossier(trace, "one.pdf")))
    assert len(reader.embedded_signatures) == 1
    attached = reader.root["/AF"][0]["/EF"]["/F"].data
    assert json.loads(attached)["trace_id"] == trace


def test_it_leaves_a_trail_of_its_own(place: Place) -> None:
    trace = place.trace("ITI-18")
    place.dossier(trace, "two.json")
    told = place.rows("SELECT message FROM audit WHERE message LIKE '%dossier-made%' ORDER BY id")[-1][0]
    assert '"110101"' in told
    assert 'EventActionCode="R"' in told
    assert f"audit dossier {trace}" in place.rows("SELECT line FROM operator_event ORDER BY key")[-1][0]


@pytest.mark.parametrize(
    ("trace", "name", "reason"),
    [
        ("0" * 32, "none.json", "no exchange"),
        ("x", "none.doc", "expected one of"),
        ("x", "taken.json", "there already"),
    ],
)
def test_nothing_is_written_otherwise(place: Place, trace: str, name: str, reason: str) -> None:
    output = place.config.parent / name
    (place.config.parent / "taken.json").write_text("")
    arguments = ["audit", "dossier", trace, "-o", str(output), "--config", str(place.config)]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, GatewayError)
    assert reason in done.exception.detail
    assert not output.exists() or output.read_text() == ""
