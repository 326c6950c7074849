"""`passerelle rights` on an installation whose patients are known, while a server runs on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from gateway.bindings import fhirtypes
from gateway.cli.main import app
from gateway.cli.started import prepare, serving
from tests.deciding import PHYSICIAN, Place, deny

PATIENT = "SUPPORTED"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    config = prepare(tmp_path_factory.mktemp("rights") / "home", watched=False)
    with serving(config):
        held = Place(config)
        asyncio.run(held.feed(PATIENT))
        yield held


def rights(place: Place, *arguments: str, code: int = 0) -> str:
    """What is printed, or what was wrong."""
    done = CliRunner().invoke(app, ["rights", *arguments, "--config", str(place.config)])
    assert bool(done.exit_code) is bool(code), done.output
    return str(done.exception) if code else done.stdout


def test_what_an_operator_sets_holds_for_the_running_server_and_says_so(place: Place) -> None:
    assert "nothing was decided" in rights(place, "show", PATIENT)
    asyncio.run(place.provide(PATIENT, "Letter"))
    assert asyncio.run(place.seen(PHYSICIAN, PATIENT)) == ["Letter"]
    told = rights(place, "set", PATIENT, "denial", "--subject", "dr.weber", "--reason", "on the telephone")
    consent = told.split()[1]
    assert asyncio.run(place.seen(PHYSICIAN, PATIENT)) == []
    assert place.last()[2] == "BLACKLIST"
    shown = rights(place, "show", PATIENT)
    assert "dr.weber may not see the record" in shown
    assert "(operator), passerelle rights" in shown
    assert "on the telephone" in shown
    assert max(map(len, shown.splitlines())) <= 80
    rights(place, "end", consent, "--reason", "called again")
    assert asyncio.run(place.seen(PHYSICIAN, PATIENT)) == ["Letter"]
    history = rights(place, "show", PATIENT, "--history")
    assert history.count(f"consent {consent}") == 2
    assert "version 2, ended" in history
    ((message,),) = place.rows(
        "SELECT message FROM audit WHERE message LIKE '%ITI-108%' AND message LIKE ? "
        "AND message LIKE '%EventActionCode=\"C\"%'",
        f"%{consent}%",
    )
    assert PATIENT in message


def test_a_mandate_of_a_parent_is_recorded_and_given_out_as_fhir(place: Place) -> None:
    asyncio.run(place.feed("CHILD", "PARENT"))
    parent = place.cx("PARENT")
    arguments = ("--subject", parent, "--given-by", "parent", "--action", "document:query")
    period = ("--start", "2020-01-01", "--end", "2100-01-01")
    rights(place, "set", "CHILD", "mandate", *arguments, *period, "--reason", "birth certificate seen")
    asyncio.run(place.provide("CHILD", "Letter"))
    assert asyncio.run(place.seen(place.representative("PARENT", "CHILD"), "CHILD")) == ["Letter"]
    asyncio.run(place.decide("CHILD", deny("dr.weber")))
    bundle = json.loads(rights(place, "export", place.cx("CHILD")))
    fhirtypes.check(bundle)
    written, brought = (each["resource"] for each in bundle["entry"])
    assert written["category"][1]["coding"][0] == {"system": "urn:passerelle:directive", "code": "mandate"}
    assert written["sourceReference"] == {"display": "passerelle rights"}
    assert brought["sourceReference"] == {"display": "portal"}
    patient = place.patient("CHILD")
    read = asyncio.run(place.fhir(patient, "GET", f"/Consent/{written['id']}"))
    assert read.told == written


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("set", PATIENT, "level", "--subject", "x", "--reason", "r"), "needs a rank"),
        (("set", PATIENT, "denial", "--reason", "r"), "needs a subject"),
        (
            ("set", PATIENT, "mandate", "--subject", "x", "--given-by", "me", "--reason", "r"),
            "given by one of",
        ),
        (
            (
                "set",
                PATIENT,
                "mandate",
                "--subject",
                "x",
                "--given-by",
                "law",
                "--action",
                "all",
                "--reason",
                "r",
            ),
            "unknown actions",
        ),
        (("set", "NOBODY", "closure", "--reason", "r"), "not known here"),
        (("end", "no-such", "--reason", "r"), "no consent no-such"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_line(
    place: Place, arguments: tuple[str, ...], text: str
) -> None:
    state = place.rights()
    assert text in rights(place, *arguments, code=2)
    assert place.rights() == state


def test_a_closed_record_is_opened_again_by_an_operator(place: Place) -> None:
    asyncio.run(place.feed("REOPEN"))
    asyncio.run(place.provide("REOPEN", "Letter"))
    consent = rights(place, "set", "REOPEN", "closure", "--reason", "asked for in writing").split()[1]
    assert asyncio.run(place.seen(place.patient("REOPEN"), "REOPEN")) == []
    rights(place, "end", consent, "--reason", "asked for again")
    assert asyncio.run(place.seen(place.patient("REOPEN"), "REOPEN")) == ["Letter"]
