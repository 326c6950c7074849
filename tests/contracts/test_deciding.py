"""What a patient decides over ITI-108 holds with the very next request, on every worker and at every door."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.deciding import (
    LETTER,
    OUTSIDER,
    PHARMACIST,
    PHYSICIAN,
    PRESCRIPTION,
    REASONS,
    Place,
    deny,
    label,
    mandate,
    own,
    permit,
)

UNKNOWN = "XDSDocumentUniqueIdError"


async def checked(place: Place, who: Any, patient: str, titles: list[str]) -> None:
    """The same at both doors, several times: some of the requests reach the other worker."""
    for _ in range(3):
        assert await place.seen(who, patient) == titles
        assert await place.listed(who, patient) == titles


def test_a_professional_who_was_blocked_is_refused_with_the_next_request(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("BLOCK")
        name = await place.provide("BLOCK", "Prescription", PRESCRIPTION)
        await checked(place, PHARMACIST, "BLOCK", ["Prescription"])
        consent = await place.decide("BLOCK", deny("ph.muller"))
        assert await place.seen(PHARMACIST, "BLOCK") == []
        assert place.last() == ("ITI-18", 0, "BLACKLIST")
        assert await place.listed(PHARMACIST, "BLOCK") == []
        assert place.last() == ("ITI-67", 0, "BLACKLIST")
        assert await place.retrieved(PHARMACIST, name) == UNKNOWN
        assert place.last()[2] == "BLACKLIST"
        assert await place.opened(PHARMACIST, name) == 404
        assert place.last()[2] == "BLACKLIST"
        await checked(place, PHARMACIST, "BLOCK", [])
        await place.end(consent)
        await checked(place, PHARMACIST, "BLOCK", ["Prescription"])
        assert await place.retrieved(PHARMACIST, name) == b"Prescription"

    asyncio.run(main())


def test_only_those_on_the_white_list_see_anything(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("WHITE")
        name = await place.provide("WHITE", "Letter", who=OUTSIDER)
        await place.decide("WHITE", {"type": "deny", "modifierExtension": own("allowed-only")})
        await checked(place, PHYSICIAN, "WHITE", [])
        assert place.last()[2] == "RELATION"
        await place.decide("WHITE", permit("dr.weber"))
        await checked(place, PHYSICIAN, "WHITE", ["Letter"])
        assert await place.opened(PHYSICIAN, name) == 200

    asyncio.run(main())


def test_a_purpose_that_the_patient_opposes_is_refused(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("PURPOSE")
        await place.provide("PURPOSE", "Letter")
        await place.decide("PURPOSE", deny(purpose=[{"system": REASONS, "code": "TREAT"}]))
        await checked(place, PHYSICIAN, "PURPOSE", [])
        assert place.last()[2] == "CONSENT"
        await checked(place, place.patient("PURPOSE"), "PURPOSE", ["Letter"])

    asyncio.run(main())


def test_a_level_opens_restricted_documents_until_its_end(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("LEVEL")
        await place.provide("LEVEL", "Normal", who=OUTSIDER)
        await place.provide("LEVEL", "Restricted", label="R", who=OUTSIDER)
        await checked(place, PHYSICIAN, "LEVEL", ["Normal"])
        granted = permit("dr.weber", securityLabel=label("R"))
        await place.decide("LEVEL", {**granted, "period": {"end": "2020-01-01T00:00:00Z"}})
        await checked(place, PHYSICIAN, "LEVEL", ["Normal"])
        await place.decide("LEVEL", {**granted, "period": {"end": "2100-01-01T00:00:00Z"}})
        await checked(place, PHYSICIAN, "LEVEL", ["Normal", "Restricted"])

    asyncio.run(main())


def test_a_document_that_the_patient_raised_is_gone_from_those_below(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("RAISE")
        name = await place.provide("RAISE", "Letter", who=OUTSIDER)
        raising = deny("", [name], modifierExtension=own("raising"), securityLabel=label("V"))
        await place.decide("RAISE", raising)
        await checked(place, PHYSICIAN, "RAISE", [])
        assert await place.retrieved(PHYSICIAN, name) == UNKNOWN
        assert await place.opened(PHYSICIAN, name) == 404
        await checked(place, place.patient("RAISE"), "RAISE", ["Letter"])

    asyncio.run(main())


def test_a_document_can_be_hidden_from_everybody_by_the_url_of_its_reference(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("HIDE")
        name = await place.provide("HIDE", "Letter")
        await place.provide("HIDE", "Other")
        ((uuid,),) = place.rows("SELECT uuid FROM entry WHERE unique_id = ?", name)
        reference = {"reference": f"DocumentReference/{str(uuid).removeprefix('urn:uuid:')}"}
        consent = await place.decide("HIDE", deny(data=[{"meaning": "instance", "reference": reference}]))
        await checked(place, PHYSICIAN, "HIDE", ["Other"])
        assert consent["provision"]["provision"][0]["data"][0]["reference"] == reference

    asyncio.run(main())


def test_a_record_that_is_closed_is_so_for_everybody(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("CLOSE")
        name = await place.provide("CLOSE", "Letter")
        await place.decide("CLOSE", {"type": "deny", "modifierExtension": own("closure")})
        await checked(place, PHYSICIAN, "CLOSE", [])
        assert place.last()[2] == "DSP_UNAVAILABLE"
        assert await place.retrieved(PHYSICIAN, name) == UNKNOWN

    asyncio.run(main())


def test_a_mother_reads_the_record_of_her_child_by_mandate(deciding: Place) -> None:
    place = deciding

    async def main() -> None:
        await place.feed("CHILD", "MOTHER")
        await place.provide("CHILD", "Letter", LETTER)
        mother = place.representative("MOTHER", "CHILD")
        await checked(place, mother, "CHILD", [])
        assert place.last()[2] == "MANDATE"
        consent = await place.decide("CHILD", mandate(place.cx("MOTHER"), "document:query", "document:read"))
        await checked(place, mother, "CHILD", ["Letter"])
        await place.end(consent)
        await checked(place, mother, "CHILD", [])

    asyncio.run(main())
