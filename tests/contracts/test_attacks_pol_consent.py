"""Documents that are raised while somebody reads, and a patient who opposes everything (POL-08, POL-11)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.record.people import Code
from tests.deciding import (
    APPROVED,
    OUTSIDER,
    PHARMACIST,
    PHYSICIAN,
    PRESCRIPTION,
    Place,
    deny,
    label,
    own,
    permit,
)

FIND = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
UNKNOWN = "XDSDocumentUniqueIdError"


def test_pol_08_a_document_raised_while_a_reader_goes_through_is_gone(deciding: Place, words: Any) -> None:
    """References first, then entry by entry, as ITI-18 pages (ITI TF-2 3.18.4.1.2.6)."""

    async def main() -> None:
        await deciding.feed("POL-8")
        names = [await deciding.provide("POL-8", f"Letter {n}", who=OUTSIDER) for n in range(3)]
        uuids = {
            name: deciding.rows("SELECT uuid FROM entry WHERE unique_id = ?", name)[0][0] for name in names
        }
        slots = (
            ("$XDSDocumentEntryPatientId", f"'{deciding.cx('POL-8')}'"),
            ("$XDSDocumentEntryStatus", f"('{APPROVED}')"),
        )
        references = await deciding.asked(PHYSICIAN, words.stored_query(FIND, *slots, returned="ObjectRef"))
        assert all(uuid.encode() in references for uuid in uuids.values())
        raising = {"modifierExtension": own("raising"), "securityLabel": label("R")}
        await deciding.decide("POL-8", deny("", [names[2]], **raising))
        for name in names:
            page = words.stored_query(GET, ("$XDSDocumentEntryEntryUUID", f"('{uuids[name]}')"))
            found = await deciding.asked(PHYSICIAN, page)
            assert (name.encode() in found) is (name != names[2])
        assert await deciding.retrieved(PHYSICIAN, names[0]) == b"Letter 0"
        assert await deciding.retrieved(PHYSICIAN, names[2]) == UNKNOWN
        assert deciding.told_reason() == "CONFIDENTIALITY"
        assert await deciding.opened(PHYSICIAN, names[2]) == 404
        assert deciding.told_reason() == "CONFIDENTIALITY"
        assert await deciding.seen(OUTSIDER, "POL-8") == ["Letter 0", "Letter 1", "Letter 2"]

    asyncio.run(main())


def test_pol_11_who_opposes_reads_the_own_record_and_nobody_else_does(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-11")
        name = await deciding.provide("POL-11", "Prescription", PRESCRIPTION)
        consent = await deciding.decide("POL-11", provision={"type": "deny"})
        patient = deciding.patient("POL-11")
        emergency = replace(PHYSICIAN, purpose="ETREAT", emergency="unconscious")
        for who in (PHYSICIAN, PHARMACIST, emergency):
            assert await deciding.seen(who, "POL-11") == []
            assert deciding.last() == ("ITI-18", 0, "CONSENT")
            assert await deciding.listed(who, "POL-11") == []
            assert await deciding.retrieved(who, name) == UNKNOWN
            assert deciding.told_reason() == "CONSENT"
            assert await deciding.opened(who, name) == 404
        assert await deciding.seen(patient, "POL-11") == ["Prescription"]
        assert await deciding.retrieved(patient, name) == b"Prescription"
        assert deciding.last() == ("ITI-43", 0, "PERMIT")
        await deciding.end(consent)
        assert await deciding.seen(PHYSICIAN, "POL-11") == ["Prescription"]

    asyncio.run(main())


@pytest.mark.parametrize(("before", "shown"), [(timedelta(milliseconds=1), 2), (timedelta(0), 1)])
def test_a_level_ends_while_the_server_runs(forge: Any, words: Any, before: timedelta, shown: int) -> None:
    """A restricted document of another organisation is there until the end of the level, and not at it."""
    restricted = words.document(
        forge.house,
        "2.25.4712",
        confidentiality=Code("R", "2.16.840.1.113883.5.25", "restricted"),
        institution="Elsewhere^^^^^^^^^2.999.2.77",
    )
    forge.accepted(forge.provide(restricted))
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=60)
    level = permit("dr.weber", securityLabel=label("R"), period={"end": end.isoformat()})
    raw = words.consent_raw(forge.house, "POST", "/Consent", words.decision(forge.house, level))
    answer = forge.send(raw, "fhir", unchanged=False, secret=False)
    assert answer.status == 201, answer.body
    at = end - before
    asked = forge.query(assertion=forge.assertion(now=at - timedelta(seconds=10)), now=at)
    found = forge.send(asked, unchanged=False, secret=False, clock=lambda: at)
    assert found.body.count(b"<rim:ExtrinsicObject ") == shown
