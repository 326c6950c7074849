"""The journal of patients over a running server: complete, in five languages, and for nobody else (JRN-1)."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.started import prepare, serving
from gateway.journal.words import LANGUAGES
from tests.deciding import PHYSICIAN, Place, deny
from tests.feeding import audit_event
from tests.journaling import OFFICER, Script, names, whole_journal

EXPECTED = Path(__file__).with_name("journal_expected.toml")
ANNA, BERT = "ANNA", "BERT"
FIRST, SECOND, THIRD = "FIRST", "SECOND", "THIRD"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    config = prepare(tmp_path_factory.mktemp("journal") / "home", watched=False)
    with serving(config):
        told = Script(Place(config))
        asyncio.run(told.twenty(ANNA, BERT))
        asyncio.run(told.everything(FIRST, SECOND, THIRD))
        told.settled()
        yield told


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripted_accesses_read_as_expected(script: Script, language: str) -> None:
    expected = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))[language]["accesses"]
    assert len(expected) == 21
    assert asyncio.run(script.told(ANNA, language))[: len(expected)] == expected


@pytest.mark.parametrize("patient", [ANNA, BERT, FIRST, SECOND])
def test_the_journal_is_the_audit(script: Script, patient: str) -> None:
    whole_journal(script, patient, *{FIRST: [THIRD]}.get(patient, []))


def test_pages_are_the_whole(script: Script) -> None:
    whole = list(names(asyncio.run(script.journal(FIRST, to="2026-12-31"))))
    paged: list[str] = []
    page: dict[str, str] = {}
    for _ in range(len(whole)):
        answer = asyncio.run(script.journal(FIRST, to="2026-12-31", _count="7", **page))
        paged += list(names(answer))
        links = {each["relation"]: each["url"] for each in answer.told["link"]}
        if "next" not in links:
            break
        page = {"_page": links["next"].rpartition("_page=")[2]}
    assert set(whole) <= set(paged)
    assert len(paged) == len(set(paged))


def test_nothing_of_other_patients_is_told(script: Script) -> None:
    """A retrieve of documents of two patients, and a search that found several, stand in both journals."""
    for patient, other in ((FIRST, SECOND), (SECOND, FIRST), (BERT, ANNA)):
        text = orjson.dumps(asyncio.run(script.journal(patient)).told["entry"]).decode()
        assert f'"{patient}"' in text
        assert other not in text
        for secret in ("127.0.0.1", "localhost:9", "ParticipantObject", '"query"', "AdhocQuery", "trace "):
            assert secret not in text


def test_what_was_removed_is_marked(script: Script) -> None:
    place = script.place
    asyncio.run(script.hl7("A01", "GONE"))
    name = asyncio.run(place.provide("GONE", "Wrong patient"))
    asyncio.run(place.retrieved(PHYSICIAN, name))
    asyncio.run(script.remove(name))
    script.settled()
    *_, read, removed = asyncio.run(script.told("GONE", "en"))
    assert "opened the document “Wrong patient” (doctor's letter), removed later." in read
    assert "Conformance User (administration, Test Tools) removed the document “Wrong patient”" in removed


def test_what_is_done_during_a_visit_stands_under_it(script: Script) -> None:
    """Visits as a hospital tells them: one that lasts, one that ended meanwhile, one that was over before."""
    now = datetime.now(UTC).replace(microsecond=0)
    admitted, soon = now - timedelta(hours=9), now + timedelta(minutes=1)
    past = now - timedelta(days=3)

    async def play() -> None:
        for patient, begin in (("STAYS", admitted), ("LEAVES", admitted), ("LEFT", past)):
            await script.visit("A01", patient, begin)
        await script.visit("A03", "LEFT", past, past + timedelta(hours=5))
        for patient in ("STAYS", "LEAVES", "LEFT"):
            document = await script.place.provide(patient, f"Letter of {patient}")
            await script.place.retrieved(PHYSICIAN, document)
        await script.visit("A03", "LEAVES", admitted, soon)

    asyncio.run(play())
    script.settled()
    heading = "Visit or stay that began on"
    for patient, visits in (("STAYS", True), ("LEAVES", True), ("LEFT", False)):
        page = asyncio.run(script.journal(patient, language="en", format="html")).told.decode()
        assert f"opened the document “Letter of {patient}”" in page
        physician = page.partition("Dr Anne Weber")[2].partition("<h")[0]
        assert f"opened the document “Letter of {patient}”" in physician
        assert (heading in physician) is visits, patient
        assert (heading in page) is visits


def test_it_is_refused_alike_to_all_others(script: Script) -> None:
    strangers = [
        script.place.patient(BERT),
        script.place.representative(SECOND, ANNA),
        replace(PHYSICIAN, partner="tester"),
        replace(PHYSICIAN, partner="tester", purpose="ETREAT", emergency="curious"),
    ]
    answers = [asyncio.run(script.journal(ANNA, each)) for each in strangers]
    answers.append(asyncio.run(script.journal("NOBODY", strangers[0])))
    assert {each.status for each in answers} == {404}
    assert len({each.told["issue"][0]["details"]["text"].partition(" [")[0] for each in answers}) == 1


def test_who_is_mandated_reads_and_stands_in_it(script: Script) -> None:
    place = script.place
    answer = asyncio.run(script.journal(ANNA, place.representative(BERT, ANNA), language="en"))
    assert answer.status == 200
    script.settled()
    assert "A person with a mandate for you (BERT) looked at this journal." in " ".join(
        asyncio.run(script.told(ANNA, "en"))
    )


def test_the_data_protection_officer_reads(script: Script) -> None:
    assert asyncio.run(script.journal(ANNA, OFFICER)).status == 200


def test_whom_the_patient_blocked_reads_nothing(script: Script) -> None:
    """The black list holds against a mandate and against an office."""
    place = script.place
    blocked = asyncio.run(place.decide(ANNA, deny(OFFICER.organisation or "")))
    try:
        assert asyncio.run(script.journal(ANNA, OFFICER)).status == 404
    finally:
        asyncio.run(place.end(blocked))


def test_reading_stands_in_the_audit_as_use_of_the_log(script: Script) -> None:
    asyncio.run(script.journal(BERT))
    message = script.place.message()
    assert 'csd-code="110101"' in message
    assert script.place.cx(BERT).replace("&", "&amp;") in message


def test_what_other_systems_told_stands_there_too(script: Script) -> None:
    system = f"urn:oid:{script.place.root}"
    patient = {
        "what": {"identifier": {"system": system, "value": SECOND}},
        "type": {"code": "1"},
        "role": {"code": "1"},
    }
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = audit_event(4711, entity=[patient], recorded=now)
    before = names(asyncio.run(script.journal(SECOND)))
    assert asyncio.run(script.fed(told)) == 201
    found = asyncio.run(script.journal(SECOND, language="en"))
    fresh = [
        each["resource"]
        for each in found.told["entry"]
        if "Reported by the system" in each["resource"]["text"]["div"]
    ]
    assert len(fresh) == 1
    assert fresh[0]["id"] not in before
    assert "dr.4711 read information in your record" in fresh[0]["text"]["div"]


@pytest.mark.parametrize(
    ("asked", "issue"),
    [
        ({"language": "nl"}, "code-invalid"),
        ({"format": "docx"}, "code-invalid"),
        ({"from_": "yesterday"}, "invalid"),
        ({"from_": "2026-02-02", "to": "2026-01-01"}, "invalid"),
        ({"_count": "0"}, "invalid"),
        ({"_page": "1-g"}, "invalid"),
        ({"name": "x"}, "not-supported"),
    ],
)
def test_what_cannot_be_asked(script: Script, asked: dict[str, str], issue: str) -> None:
    answer = asyncio.run(script.journal(ANNA, **asked))
    assert (answer.status, answer.issue) == (400, issue)


def test_html_and_signed_pdf(script: Script) -> None:
    page = asyncio.run(script.journal(ANNA, language="lb", format="html"))
    assert page.headers["content-type"].startswith("text/html")
    assert 'lang="lb"' in page.told.decode()
    assert "Dr Anne Weber (Medezin, Test Hospital)" in page.told.decode()
    paper = asyncio.run(script.journal(ANNA, language="pt", format="pdf"))
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.told.startswith(b"%PDF-")
    assert b"/ByteRange" in paper.told


def test_by_a_parameters_resource(script: Script) -> None:
    asked = script.parameters(BERT, language="de", to="2026-12-31")
    answer = asyncio.run(script.post(script.place.patient(BERT), "/AuditEvent/$journal", asked))
    assert answer.status == 200
    assert answer.told["entry"][0]["resource"]["language"] == "de"


def test_an_office_writes_it_and_stands_in_it(script: Script, tmp_path: Path) -> None:
    out, config = tmp_path / "journal.pdf", str(script.place.config)
    done = CliRunner().invoke(app, ["journal", ANNA, "-o", str(out), "--language", "lb", "--config", config])
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(b"%PDF-")
    assert out.stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(app, ["journal", ANNA, "-o", str(out), "--config", config])
    assert again.exit_code != 0
    nobody = tmp_path / "nobody.html"
    unknown = CliRunner().invoke(app, ["journal", "NOBODY", "-o", str(nobody), "--config", config])
    assert unknown.exit_code != 0
    assert not nobody.exists()
    script.settled()
    told = asyncio.run(script.told(ANNA, "lb"))
    assert any(each.startswith("D'Personal vun dësem Service huet dëse Journal gekuckt.") for each in told)
