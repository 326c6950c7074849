"""Stamps, witnesses, export and evidence of a running product (AUD-06, AUD-09, SEED-48)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from asn1crypto import x509 as names
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import KeyUsageConstraints, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext
from typer.testing import CliRunner

from gateway.cli.audit import app
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.crypto.keys import fingerprint, load_certificates
from tests.deciding import Place
from tests.tsa import Tsa
from tests.witness import Witness

WAIT = 15.0
ROOT = Path(__file__).parents[2]


@dataclass
class Site:
    """An installation whose trail is stamped and witnessed, and whoever does that."""

    config: Path
    tsa: Tsa
    witness: Witness

    @property
    def folder(self) -> Path:
        return self.config.parent

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        path = load_settings(self.config).database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
            return connection.execute(statement).fetchall()

    def number(self, statement: str) -> int:
        return int(str(self.rows(statement)[0][0] or 0))

    def until(self, statement: str, enough: Callable[[int], bool]) -> int:
        """The number that a query gives, once it is enough."""
        deadline = time.monotonic() + WAIT
        while not enough(found := self.number(statement)):
            assert time.monotonic() < deadline, f"{statement} stays at {found}"
            time.sleep(0.05)
        return found

    def feed(self, count: int = 1) -> None:
        """As many messages of a hospital, each with an audit message of ours."""
        acting = Acting.at(load_settings(self.config), "hospital", "physician")

        async def send() -> None:
            for _ in range(count):
                number = time.time_ns() % 10**18
                answer = await acting.feed(
                    f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|T|2.3.1\r"
                    f"EVN|A01|20260101120000\rPID|||{number}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1||O\r".encode()
                )
                assert b"MSA|AA" in answer

        asyncio.run(send())

    def sealed(self) -> int:
        """The size of the tree, once all rows are in it."""
        rows = self.number("SELECT count(*) FROM audit")
        return self.until("SELECT max(size) FROM audit_checkpoint", lambda size: size >= rows)

    def command(self, *words: str | Path) -> Result:
        """A command of the product on this installation."""
        return CliRunner().invoke(app, [*map(str, words), "--config", str(self.config)])

    def alerts(self, words: str) -> int:
        return self.number(
            f"SELECT count(*) FROM audit WHERE message LIKE '%110113%' AND message LIKE '%{words}%'"  # noqa: S608
        )


def passerelle(*words: str | Path, folder: Path, alone: bool = False) -> subprocess.CompletedProcess[str]:
    """The product's command; `alone` in a network of its own, where nobody is."""
    command: list[str | Path] = [sys.executable, "-m", "gateway.cli", "audit", *words]
    if alone and os.geteuid() == 0 and shutil.which("unshare"):
        command = ["unshare", "-n", *command]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def site(tsa: Tsa, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("proofs") / "home"
    with Witness().serving() as witness:
        changes = {
            "stamps.url": f'"{tsa.url}"',
            "stamps.trust": f'"{tsa.trust}"',
            "stamps.every_seconds": "0.2",
            "stamps.timeout_seconds": "0.5",
            "stamps.alert_seconds": "0.5",
            "stamps.witnesses": f'[{{ url = "{witness.url}", key = "{witness.verifier}" }}]',
        }
        config = prepare(home, changes, watched=False)
        settings = load_settings(config)
        signer = x509.load_pem_x509_certificate(settings.signing.certificate.read_bytes())
        origin = f"passerelle/integration/{settings.domain.home_community_id}"
        witness.logs[origin] = signer.public_key()  # type: ignore[assignment]
        with serving(config):
            yield Site(config, tsa, witness)


@pytest.fixture
def good(site: Site) -> Iterator[Site]:
    """With everybody behaving, before and after."""
    site.tsa.mode, site.witness.down = "good", False
    yield site
    site.tsa.mode, site.witness.down = "good", False


def test_one_stamp_and_one_cosignature_cover_all_rows_since_the_last(good: Site) -> None:
    good.feed(8)
    size = good.sealed()
    good.until("SELECT max(size) FROM audit_stamp", lambda found: found >= size)
    good.until("SELECT max(size) FROM audit_cosignature", lambda found: found >= size)
    assert good.number("SELECT count(*) FROM audit_stamp") < size
    assert 200 in good.witness.answers
    assert len(good.tsa.asked) < size + 3


@pytest.mark.parametrize("mode", ["down", "slow", "nonce", "hash", "expired", "rejected", "nonsense"])
def test_aud_06_a_bad_authority_leaves_the_batch_pending(good: Site, mode: str) -> None:
    good.until("SELECT max(size) FROM audit_stamp", lambda found: found >= good.sealed())
    before, told = good.number("SELECT count(*) FROM audit_stamp"), good.alerts("without proof by http")
    good.tsa.mode = mode
    good.feed()
    good.until(
        "SELECT count(*) FROM audit WHERE message LIKE '%110113%' AND message LIKE '%without proof by http%'",
        lambda found: found > told,
    )
    pending = good.sealed()
    assert good.number("SELECT count(*) FROM audit_stamp") == before
    assert good.alerts("without proof by http") == told + 1
    good.tsa.mode = "good"
    good.until("SELECT max(size) FROM audit_stamp", lambda found: found >= pending)


def test_a_witness_that_was_away_gets_a_proof_from_where_it_was(good: Site) -> None:
    good.witness.down = True
    good.feed(3)
    size = good.sealed()
    good.witness.down = False
    good.until("SELECT max(size) FROM audit_cosignature", lambda found: found >= size)
    assert next(iter(good.witness.seen.values()))[0] >= size


def test_a_witness_that_knows_less_tells_its_size_and_is_served(good: Site) -> None:
    good.witness.seen.clear()
    good.witness.answers.clear()
    good.feed()
    size = good.sealed()
    good.until("SELECT max(size) FROM audit_cosignature", lambda found: found >= size)
    assert good.witness.answers[:2] == [409, 200]


def test_a_witness_refuses_a_trail_that_was_rolled_back(good: Site) -> None:
    (origin, (size, root)), *_ = good.witness.seen.items()
    good.witness.seen[origin] = (size + 1_000, root)
    good.feed()
    good.until(
        "SELECT count(*) FROM audit WHERE message LIKE '%witness saw a trail of%'", lambda found: found >= 1
    )
    assert 409 in good.witness.answers
    good.witness.seen[origin] = (size, root)


@pytest.fixture(scope="module")
def archive(site: Site) -> Path:
    site.tsa.mode, site.witness.down = "good", False
    site.feed(3)
    size = site.sealed()
    for table in ("audit_stamp", "audit_cosignature"):
        site.until(f"SELECT max(size) FROM {table}", lambda found: found >= size)  # noqa: S608
    done = site.command("export", site.folder / "trail.zip")
    assert done.exit_code == 0, done.output
    return site.folder / "trail.zip"


def test_an_archive_is_verified_on_another_machine(good: Site, archive: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(archive, elsewhere / "trail.zip")
    shutil.copy(good.tsa.trust, elsewhere / "tsa.pem")
    settings = load_settings(good.config)
    signer = x509.load_pem_x509_certificate(settings.signing.certificate.read_bytes())
    known = fingerprint(signer.public_bytes(serialization.Encoding.DER))
    plain = passerelle("verify", "trail.zip", folder=elsewhere, alone=True)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert "all intact" in plain.stdout
    assert known in plain.stdout
    told = ("--trusted", known, "--tsa-trust", "tsa.pem", "--witness", good.witness.verifier)
    full = passerelle("verify", "trail.zip", *told, folder=elsewhere, alone=True)
    assert full.returncode == 0, full.stdout + full.stderr
    assert "witness: witness.example/w1 saw" in full.stdout
    assert "entries existed at" in full.stdout
    stranger = passerelle("verify", "trail.zip", "--trusted", "00" * 32, folder=elsewhere, alone=True)
    assert stranger.returncode == 1
    assert "signed by nobody who is trusted" in stranger.stdout


def test_the_archive_holds_what_proves_it(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        manifest = orjson.loads(opened.read("manifest.json"))
        trail = opened.read("trail.jsonl").splitlines()
    assert set(manifest["members"]) == set(names) - {"manifest.json", "manifest.sig"}
    assert {"trail.jsonl", "stamps.jsonl", "cosignatures.jsonl", "README.txt"} <= set(names)
    assert any(name.startswith("certificates/") for name in names)
    rows = [each for line in trail if (each := orjson.loads(line))["type"] == "row"]
    assert any(each["row"]["decision"] for each in rows)


def test_a_part_of_the_trail_is_verified_alone(good: Site, tmp_path: Path) -> None:
    size = good.sealed()
    output = tmp_path / "part.zip"
    done = good.command("export", output, "--from", "12", "--to", str(size - 2), "--hashes-only")
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(output) as opened:
        header, *rest = map(orjson.loads, opened.read("trail.jsonl").splitlines())
    rows = [each for each in rest if each["type"] == "row"]
    assert 0 < header["start"]["size"] <= 12 < header["end"]
    assert rows[0]["position"] == header["start"]["size"]
    assert all("message" not in each["row"] and each["row"]["message_sha256"] for each in rows)
    found = passerelle("verify", output, folder=tmp_path, alone=True)
    assert found.returncode == 0, found.stdout
    assert f"from position {header['start']['size']} on" in found.stdout


def test_evidence_of_one_exchange(good: Site, archive: Path, tmp_path: Path) -> None:  # noqa: ARG001 - it is stamped
    (trace,) = good.rows("SELECT trace_id FROM audit WHERE \"transaction\" = 'ITI-8' LIMIT 1")[0]
    output = tmp_path / "evidence.json"
    done = good.command("prove", str(trace), "-o", output)
    assert done.exit_code == 0, done.output
    words = ("--tsa-trust", good.tsa.trust, "--witness", good.witness.verifier)
    found = passerelle("verify", output, *words, folder=tmp_path, alone=True)
    assert found.returncode == 0, found.stdout
    assert f"evidence of exchange {trace}" in found.stdout
    assert "stamp: it existed at" in found.stdout
    (tmp_path / "other").write_bytes(b"MSH|other")
    wrong = passerelle("verify", output, "--reply", "other", folder=tmp_path, alone=True)
    assert wrong.returncode == 1
    assert "BAD  reply_sha256: the file that was given is not that of the exchange" in wrong.stdout
    assert good.command("prove", "nobody", "-o", tmp_path / "none").exit_code != 0


def test_a_checkpoint_kept_elsewhere_shows_that_the_trail_only_grew(good: Site, tmp_path: Path) -> None:
    good.sealed()
    note, proof = tmp_path / "note", tmp_path / "proof.json"
    assert good.command("checkpoint", note).exit_code == 0
    good.feed(2)
    good.until(
        "SELECT max(size) FROM audit_checkpoint", lambda found: found > int(note.read_text().split("\n")[1])
    )
    grown = good.command("consistency", note, "-o", proof)
    assert grown.exit_code == 0, grown.output
    assert "only appends" in grown.stdout
    assert passerelle("verify", proof, folder=tmp_path, alone=True).returncode == 0
    text = note.read_text()
    note.write_text(text.replace(text.split("\n")[2], "A" * 43 + "="))
    forged = good.command("consistency", note)
    assert forged.exit_code == 1
    assert "BAD" in forged.stdout
    assert "--checkpoint" in passerelle("verify", "--help", folder=tmp_path).stdout


def test_stamps_by_hand_are_those_that_openssl_verifies(good: Site, archive: Path, tmp_path: Path) -> None:
    """Somebody without our software gets to the same result."""
    with zipfile.ZipFile(archive) as opened:
        stamp = orjson.loads(opened.read("stamps.jsonl").splitlines()[-1])
        trees = [orjson.loads(line) for line in opened.read("trail.jsonl").splitlines()]
    (note,) = [
        each["note"] for each in trees if each["type"] == "checkpoint" and each["size"] == stamp["size"]
    ]
    (tmp_path / "note").write_text(note)
    (tmp_path / "token").write_bytes(base64.b64decode(stamp["token"]))
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "note"]
    done = subprocess.run(
        [*command, "-CAfile", good.tsa.trust], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- papers --------------------------------------------------------------------------------------


def paper_status(site: Site, data: bytes) -> PdfSignatureStatus:
    """What a reader of somebody else says of a PDF whose issuer and authority of time are believed."""
    (found,) = PdfFileReader(BytesIO(data)).embedded_signatures
    certificates = load_certificates((site.folder / "pki/authority.pem").read_bytes()) + site.tsa.authorities
    roots = [names.Certificate.load(each.public_bytes(Encoding.DER)) for each in certificates]
    context = ValidationContext(trust_roots=roots)
    usage = KeyUsageConstraints(key_usage={"digital_signature"})
    return validate_pdf_signature(found, context, context, key_usage_settings=usage)


def dossier(site: Site, tmp_path: Path) -> bytes:
    place, output = Place(site.config), tmp_path / f"{time.time_ns()}.pdf"
    asyncio.run(place.feed("PAPER"))
    site.sealed()
    ((trace,),) = site.rows("SELECT trace_id FROM audit WHERE message LIKE '%PAPER^%' ORDER BY id LIMIT 1")
    done = site.command("dossier", str(trace), "-o", output)
    assert done.exit_code == 0, done.output
    return output.read_bytes()


def journal(site: Site, _: Path) -> bytes:
    place = Place(site.config)
    asyncio.run(place.feed("PAPER"))
    asked = f"/AuditEvent/$journal?patient=urn:oid:{place.root}%7CPAPER&format=pdf"
    answer = asyncio.run(place.fhir(place.patient("PAPER"), "GET", asked, accept="*/*"))
    assert answer.status == 200
    return bytes(answer.told)


@pytest.mark.parametrize("paper", [dossier, journal])
def test_papers_are_stamped(good: Site, tmp_path: Path, paper: Callable[[Site, Path], bytes]) -> None:
    """PAdES baseline B-T, ETSI EN 319 142-1."""
    began = datetime.now(UTC)
    status = paper_status(good, paper(good, tmp_path))
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.trusted
    assert -2 < (status.timestamp_validity.timestamp - began).total_seconds() < WAIT


@pytest.mark.parametrize("mode", ["down", "slow", "nonce", "hash", "nonsense"])
def test_papers_are_made_without_a_stamp_where_none_is_to_be_had(
    good: Site, tmp_path: Path, mode: str
) -> None:
    log = good.folder / "server.log"
    before = log.read_text().count("paper without time stamp")
    good.tsa.mode = mode
    status = paper_status(good, journal(good, tmp_path))
    assert (status.bottom_line, status.timestamp_validity) == (True, None)
    assert log.read_text().count("paper without time stamp") == before + 1
    good.tsa.mode = "good"
    deadline = time.monotonic() + WAIT
    while paper_status(good, journal(good, tmp_path)).timestamp_validity is None:
        assert time.monotonic() < deadline, "it stays without"
