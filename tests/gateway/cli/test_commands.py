"""The commands of `passerelle` as a person types them, against one started server."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.config import shipped
from gateway.crypto import pki

ROOT = Path(__file__).parents[3]
SECONDS = 60
OBEYED_SECONDS = 5.0
SAML = {"s": "urn:oasis:names:tc:SAML:2.0:assertion", "v": "urn:hl7-org:v3"}
PATIENT = "DEMO-1001"

Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]


def passerelle(*arguments: str | Path) -> Result:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration that is being served, with one patient in its record."""
    path = prepare(tmp_path_factory.mktemp("commands") / "system", watched=False)
    with serving(path):
        assert passerelle("feed", shipped("demo/1-admit-a01.hl7"), "--config", path).returncode == 0
        yield path


@pytest.fixture
def run(config: Path) -> Run:
    """A command on the served configuration."""
    return lambda *arguments: passerelle(*arguments, "--config", config)


@pytest.fixture(scope="module")
def letter(config: Path) -> str:
    """The uniqueId of a discharge letter sent by command."""
    sent = passerelle(
        "send",
        shipped("demo/discharge-letter.xml"),
        "--patient",
        PATIENT,
        "--title",
        "Lettre",
        "--config",
        config,
    )
    assert sent.returncode == 0, sent.stderr
    return sent.stdout.strip()


def as_pharmacist(*arguments: str) -> tuple[str, ...]:
    return (*arguments, "--as", "pharmacy", "--role", "pharmacist")


def refusal(result: Result) -> str:
    """The one line a refused command tells; a stack trace is no such line."""
    assert result.returncode == 2, result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("passerelle: ")
    return line


# --- init, check, endpoints ----------------------------------------------------------------------


def test_init_writes_a_configuration_that_can_be_used(tmp_path: Path) -> None:
    made = passerelle("init", tmp_path / "new")
    assert made.returncode == 0, made.stderr
    assert f"passerelle serve --config {tmp_path / 'new/passerelle.toml'}" in made.stdout
    checked = passerelle("check", "--config", tmp_path / "new/passerelle.toml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "usable for integration" in checked.stdout


def test_init_changes_nothing_that_is_there(tmp_path: Path) -> None:
    passerelle("init", tmp_path / "new")
    before = (tmp_path / "new/pki/server.key").read_bytes()
    assert "already there" in refusal(passerelle("init", tmp_path / "new"))
    assert (tmp_path / "new/pki/server.key").read_bytes() == before


def test_init_outside_integration_makes_requests_and_no_authority(tmp_path: Path) -> None:
    made = passerelle("init", tmp_path / "new", "--environment", "prod")
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in (tmp_path / "new/pki").glob("*.csr")) == ["server.csr", "signing.csr"]
    assert not (tmp_path / "new/pki/authority.key").exists()
    assert "pki/*.csr" in made.stdout


def test_init_knows_three_environments(tmp_path: Path) -> None:
    assert "integration, preprod, prod" in refusal(
        passerelle("init", tmp_path / "new", "--environment", "test")
    )


def test_check_names_file_line_and_reason(tmp_path: Path) -> None:
    passerelle("init", tmp_path / "new")
    path = tmp_path / "new/passerelle.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    place = lines.index("[server]") + 1
    lines.insert(place, 'port = "eight"')
    path.write_text("\n".join(lines), encoding="utf-8")
    told = refusal(passerelle("check", "--config", path))
    assert f"{path}:{place + 1}: server.port" in told


def test_check_finds_a_key_that_others_can_read(tmp_path: Path) -> None:
    passerelle("init", tmp_path / "new")
    (tmp_path / "new/pki/signing.key").chmod(0o644)
    checked = passerelle("check", "--config", tmp_path / "new/passerelle.toml")
    assert checked.returncode == 2
    assert "signing.key" in checked.stderr


def test_endpoints_tell_programs_where_to_call(run: Run, config: Path) -> None:
    told = json.loads(run("endpoints", "--json").stdout)
    port = load_settings(config).server.port
    assert told["registry"] == f"https://localhost:{port}/xds/registry"
    assert told["fhir"] == f"https://localhost:{port}/fhir"
    assert (told["patient_id_root"], told["environment"]) == ("2.999.1.1", "integration")
    assert told["registry"] in run("endpoints").stdout


# --- token ---------------------------------------------------------------------------------------


def test_token_is_bound_to_the_key_of_the_partner(run: Run) -> None:
    assertion = etree.fromstring(run("token", "--as", "pharmacist", "--partner", "pharmacy").stdout.encode())
    assert assertion.find(".//v:Role", SAML).get("code") == "PHARMACIST"
    assert assertion.find(".//s:SubjectConfirmation", SAML).get("Method").endswith(":holder-of-key")


def test_token_without_partner_is_a_bearer_one(run: Run) -> None:
    assertion = etree.fromstring(run("token", "--as", "nurse", "--partner", "").stdout.encode())
    assert assertion.find(".//s:SubjectConfirmation", SAML).get("Method").endswith(":bearer")


def test_token_of_a_role_nobody_has(run: Run) -> None:
    told = refusal(run("token", "--as", "wizard"))
    assert "'wizard'" in told
    assert "pharmacist" in told


# --- feed, send, query, retrieve -----------------------------------------------------------------


def test_feed_prints_the_acknowledgement(run: Run) -> None:
    told = run("feed", shipped("demo/2-register-a04.hl7"))
    assert told.returncode == 0, told.stderr
    assert "MSA|AA|DEMO-0002" in told.stdout


def test_a_community_tells_whether_it_knows_a_patient(run: Run) -> None:
    run("feed", shipped("demo/2-register-a04.hl7"))
    found = run("discover", "--patient", "DEMO-1002")
    nobody = run("discover", "--patient", "NOBODY-404")
    broken = run("discover", "--family", "Muster")

    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, "OK: 1 found"), found.stderr
    assert "DEMO-1002^^^&2.999.1.1&ISO" in found.stdout
    assert "THILGES, Leonie" in found.stdout
    assert (nobody.returncode, nobody.stdout) == (0, "NF: 0 found\n")
    assert (broken.returncode, broken.stdout.splitlines()) == (1, ["VALIDAT", "SYN113", "QE: 0 found"])


def test_feed_of_a_message_that_is_refused(run: Run, tmp_path: Path) -> None:
    text = shipped("demo/1-admit-a01.hl7").read_text(encoding="utf-8")
    (tmp_path / "x.hl7").write_text(text.replace("2.999.1.1", "2.999.7.7").replace("DEMO-0001", "X-1"))
    told = run("feed", tmp_path / "x.hl7")
    assert told.returncode == 1
    assert "MSA|AE|X-1" in told.stdout


def test_a_document_sent_is_found_and_comes_back_as_it_was(run: Run, letter: str, tmp_path: Path) -> None:
    listed = run("query", "--patient", PATIENT)
    assert letter in listed.stdout
    assert "18842-5" in listed.stdout
    got = run("retrieve", letter, "--output", tmp_path / "got.xml")
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "got.xml").read_bytes() == shipped("demo/discharge-letter.xml").read_bytes()


def test_the_rights_decide_what_is_listed_and_retrieved(run: Run, letter: str) -> None:
    listed = run(*as_pharmacist("query", "--patient", PATIENT))
    assert (listed.returncode, listed.stdout) == (0, "0 documents\n")
    assert "XDSDocumentUniqueIdError" in refusal(run(*as_pharmacist("retrieve", letter)))


def test_a_file_that_is_not_there_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "letter.xml"
    told = refusal(run("send", missing, "--patient", PATIENT))
    assert told == f"passerelle: {missing}: No such file or directory"


def test_a_submission_whose_answer_was_lost(run: Run) -> None:
    """Asked for by its id, and sent again without a second effect."""
    assert (run("status", "2.25.42").returncode, run("status", "2.25.42").stdout) == (
        1,
        "not registered; send it again with the same ids\n",
    )
    ids = ("--unique-id", "2.25.43", "--submission-set", "2.25.42")
    for _ in range(2):
        sent = run("send", shipped("demo/discharge-letter.xml"), "--patient", PATIENT, *ids)
        assert (sent.returncode, sent.stdout) == (0, "2.25.43\n"), sent.stderr
        told = run("status", "2.25.42")
        assert (told.returncode, told.stdout) == (0, "registered, 1 documents\n2.25.43  Approved\n")


def test_send_for_a_patient_nobody_registered(run: Run) -> None:
    told = refusal(run("send", shipped("demo/prescription.xml"), "--patient", "NOBODY-1"))
    assert "XDSUnknownPatientId" in told


def test_a_partner_does_only_what_it_is_enrolled_for(run: Run) -> None:
    told = refusal(run(*as_pharmacist("send", str(shipped("demo/prescription.xml")), "--patient", PATIENT)))
    assert "wsse:FailedAuthentication" in told, "a neutral text: which right is missing stands in the log"


# --- nodes ---------------------------------------------------------------------------------------


SURGERY = """dn: uid=2.999.2.70,ou=HCRegulatedOrganization,dc=HPD,o=PASSERELLE,c=LU
objectClass: HCRegulatedOrganization
HcRegisteredName: Test Surgery

dn: cn=Test Surgery,ou=Relationship,dc=HPD,o=PASSERELLE,c=LU
objectClass: groupOfNames
owner: uid=2.999.2.70,ou=HCRegulatedOrganization,dc=HPD,o=PASSERELLE,c=LU
member: uid=dr.weber,ou=HCProfessional,dc=HPD,o=PASSERELLE,c=LU
"""


def test_a_node_enrolled_by_request_is_served_soon(run: Run, config: Path, letter: str) -> None:
    clients, key = config.parent / "pki/clients", pki.create_key()
    pki.write_key(clients / "surgery.key", key)
    request = clients / "surgery.csr"
    request.write_bytes(pki.create_csr(key, "surgery", "integration"))
    told = run("node", "enrol", "surgery", "--organisation", "2.999.2.70",
               "--organisation-name", "Test Surgery",
               "--transaction", "ITI-18", "--csr", request)  # fmt: skip
    assert told.returncode == 0, told.stderr
    shutil.copyfile(config.parent / "nodes/surgery.pem", clients / "surgery.pem")
    assert "Test Surgery" in run("node", "list").stdout
    asked = ("query", "--patient", PATIENT, "--as", "surgery")
    assert letter not in run(*asked).stdout, "nobody works there"
    entries = config.parent / "surgery.ldif"
    entries.write_text(SURGERY)
    put = run("directory", "import", entries)
    assert put.stdout.startswith("2 entries"), put.stderr
    assert until(lambda: letter in run(*asked).stdout)


def test_a_private_key_is_no_request(run: Run, config: Path) -> None:
    told = run("node", "enrol", "leak", "--organisation", "2.999.2.8", "--organisation-name", "Leak",
               "--transaction", "ITI-18", "--csr", config.parent / "pki/clients/tester.key")  # fmt: skip
    assert "private key" in refusal(told)
    assert not (config.parent / "nodes/leak.toml").exists()


def test_a_blocked_node_is_refused_within_seconds(run: Run) -> None:
    ask = as_pharmacist("query", "--patient", PATIENT)
    assert run(*ask).returncode == 0
    assert run("node", "block", "pharmacy").returncode == 0
    try:
        assert until(lambda: run(*ask).returncode == 2)
        assert "blocked" in run("node", "list").stdout
    finally:
        run("node", "block", "pharmacy", "--undo")
    assert until(lambda: run(*ask).returncode == 0)


def until(condition: Callable[[], bool]) -> bool:
    """Whether it holds before the server must have obeyed."""
    deadline = time.monotonic() + OBEYED_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
    return False


# --- audit ---------------------------------------------------------------------------------------


@pytest.fixture
def export(run: Run, letter: str, tmp_path: Path) -> Path:
    """An export with the refused access of a pharmacist in it."""
    run(*as_pharmacist("retrieve", letter))
    path = tmp_path / "audit.zip"
    assert run("audit", "export", path).returncode == 0
    return path


def rows(export: Path) -> list[dict[str, object]]:
    return [line["row"] for text in trail(export) if (line := json.loads(text))["type"] == "row"]


def trail(export: Path) -> list[str]:
    with zipfile.ZipFile(export) as archive:
        return archive.read("trail.jsonl").decode().splitlines()


def test_the_trail_is_intact_where_it_lies_and_in_an_export(run: Run, export: Path) -> None:
    told = run("audit", "verify")
    assert told.returncode == 0, told.stdout
    assert "all intact" in told.stdout
    assert "all intact" in passerelle("audit", "verify", export).stdout
    assert {"ITI-8", "ITI-41", "ITI-43"} <= {row["transaction"] for row in rows(export)}


def test_a_changed_row_is_named(export: Path) -> None:
    lines = trail(export)
    place = next(
        at for at, line in enumerate(lines) if '"transaction":"ITI-43"' in line and '"outcome":8' in line
    )
    name = json.loads(lines[place])["audit_id"]
    lines[place] = lines[place].replace('"outcome":8', '"outcome":0', 1)
    alone = export.with_suffix(".jsonl")
    alone.write_text("\n".join(lines) + "\n")
    told = passerelle("audit", "verify", alone)
    assert told.returncode == 1
    assert told.stdout.splitlines()[0].startswith("BAD")
    assert f"row {name}" in told.stdout.splitlines()[0]
    assert "1 faults" in told.stdout


def test_show_tells_the_decision_of_one_exchange(run: Run, export: Path, letter: str) -> None:
    refused = next(row for row in rows(export) if row["transaction"] == "ITI-43" and row["outcome"] == 8)
    told = run("audit", "show", refused["trace_id"])
    assert told.returncode == 0, told.stderr
    assert f"audit row {refused['id']}, outcome 8, ITI-43" in told.stdout
    assert '"P9 up to 1"' in told.stdout
    assert f'"hidden":["{letter}"]' in told.stdout
