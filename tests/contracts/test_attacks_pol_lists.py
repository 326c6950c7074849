"""Black and white lists, folders and documents on them, and the legal ceiling (POL-01, 02, 09, 10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.client.xds import new_oid
from tests.deciding import (
    APPROVED,
    LETTER,
    OUTSIDER,
    PHARMACIST,
    PHYSICIAN,
    PRESCRIPTION,
    Place,
    deny,
    label,
    mandate,
    own,
    permit,
)

UNKNOWN = "XDSDocumentUniqueIdError"


async def refused(place: Place, who: Any, patient: str, document: str, reason: str) -> None:
    """Empty answers to queries, that of an unknown id to retrieves; the audit alone has the reason."""
    state = place.rights()
    assert await place.seen(who, patient) == []
    assert place.last() == ("ITI-18", 0, reason)
    assert await place.listed(who, patient) == []
    assert place.last() == ("ITI-67", 0, reason)
    assert await place.retrieved(who, document) == UNKNOWN
    assert place.told_reason() == reason
    assert await place.opened(who, document) == 404
    assert place.told_reason() == reason
    assert place.rights() == state


def test_pol_01_a_black_listed_holder_of_a_mandate_is_refused(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-1", "POL-1-AUNT")
        name = await deciding.provide("POL-1", "Letter")
        aunt = deciding.representative("POL-1-AUNT", "POL-1")
        await deciding.decide("POL-1", mandate(aunt.subject))
        assert await deciding.seen(aunt, "POL-1") == ["Letter"]
        await deciding.decide("POL-1", deny(aunt.subject))
        await refused(deciding, aunt, "POL-1", name, "BLACKLIST")

    asyncio.run(main())


@pytest.mark.parametrize("listed", ["dr.weber", "2.999.2.1"])
def test_pol_02_the_black_list_beats_the_white_list(deciding: Place, listed: str) -> None:
    async def main() -> None:
        patient = f"POL-2-{listed}"
        await deciding.feed(patient)
        name = await deciding.provide(patient, "Letter", who=OUTSIDER)
        await deciding.decide(patient, permit("dr.weber"), permit("2.999.2.1"), deny(listed))
        await refused(deciding, PHYSICIAN, patient, name, "BLACKLIST")
        assert await deciding.seen(OUTSIDER, patient) == ["Letter"]

    asyncio.run(main())


def test_pol_09_no_white_list_opens_what_the_role_may_not_see(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-9")
        name = await deciding.provide("POL-9", "Letter", LETTER)
        await deciding.provide("POL-9", "Prescription", PRESCRIPTION)
        await deciding.decide("POL-9", permit("ph.muller", [name]))
        assert await deciding.seen(PHARMACIST, "POL-9") == ["Prescription"]
        assert await deciding.retrieved(PHARMACIST, name) == UNKNOWN
        assert deciding.told_reason() == "PROFILE"
        assert await deciding.opened(PHARMACIST, name) == 404
        assert deciding.told_reason() == "PROFILE"

    asyncio.run(main())


def test_pol_10_a_folder_on_the_black_list_beats_its_document_on_the_white_list(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-10")
        folder, outside = new_oid(), await deciding.provide("POL-10", "Outside", who=OUTSIDER)
        name = await deciding.provide("POL-10", "Inside", who=OUTSIDER, folder=folder)
        assert await deciding.seen(PHYSICIAN, "POL-10") == ["Inside", "Outside"]
        await deciding.decide("POL-10", permit("dr.weber", [name]), deny("dr.weber", [folder]))
        assert await deciding.seen(PHYSICIAN, "POL-10") == ["Outside"]
        assert await deciding.listed(PHYSICIAN, "POL-10") == ["Outside"]
        assert await deciding.retrieved(PHYSICIAN, name) == UNKNOWN
        assert deciding.told_reason() == "BLACKLIST"
        assert await deciding.opened(PHYSICIAN, name) == 404
        assert await deciding.retrieved(PHYSICIAN, outside) == b"Outside"
        assert await deciding.seen(OUTSIDER, "POL-10") == ["Inside", "Outside"]

    asyncio.run(main())


def test_pol_10_a_document_is_on_one_list_only(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-10B")
        name = await deciding.provide("POL-10B", "Letter")
        await deciding.decide("POL-10B", permit("dr.weber", [name]))
        state, patient = deciding.rights(), deciding.patient("POL-10B")
        for second in (deny("dr.weber", [name]), deny("", [name])):
            answer = await deciding.fhir(patient, "POST", "/Consent", deciding.consent("POL-10B", second))
            assert (answer.status, answer.issue) == (422, "duplicate")
            assert deciding.last()[:2] == ("ITI-108", 8)
        assert deciding.rights() == state

    asyncio.run(main())


FOLDER_CONTENTS = "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7"
FOLDERS = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431"
FOLDERS_OF_DOCUMENT = "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578"
ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"


@pytest.mark.parametrize("kind", ["denied", "raised"])
def test_pol_10_a_hidden_folder_shows_in_no_query(deciding: Place, words: Any, kind: str) -> None:
    """Neither itself, nor its documents, nor the associations that lead to them."""

    async def main() -> None:
        patient, folder = f"POL-10-{kind}", new_oid()
        await deciding.feed(patient)
        name = await deciding.provide(patient, "Inside", who=OUTSIDER, folder=folder)
        cx = f"'{deciding.cx(patient)}'"
        queries = [
            words.stored_query(FOLDER_CONTENTS, ("$XDSFolderUniqueId", f"'{folder}'")),
            words.stored_query(FOLDERS, ("$XDSFolderPatientId", cx), ("$XDSFolderStatus", f"('{APPROVED}')")),
            words.stored_query(FOLDERS_OF_DOCUMENT, ("$XDSDocumentEntryUniqueId", f"'{name}'")),
            words.stored_query(
                ALL,
                ("$patientId", cx),
                *((f"$XDS{each}Status", f"('{APPROVED}')") for each in ("DocumentEntry", "Folder")),
                ("$XDSSubmissionSetStatus", f"('{APPROVED}')"),
            ),
        ]
        ids = [
            row[0].encode() for row in deciding.rows("SELECT uuid FROM folder WHERE unique_id = ?", folder)
        ]
        ids += [row[0].encode() for row in deciding.rows("SELECT uuid FROM entry WHERE unique_id = ?", name)]
        for body in queries:
            answer = await deciding.asked(PHYSICIAN, body)
            assert any(each in answer for each in ids)
        raising = {"modifierExtension": own("raising"), "securityLabel": label("V")}
        hiding = deny("dr.weber", [folder]) if kind == "denied" else deny("", [folder], **raising)
        await deciding.decide(patient, hiding)
        for body in queries:
            answer = await deciding.asked(PHYSICIAN, body)
            assert b"Success" in answer
            assert not any(each in answer for each in ids), answer

    asyncio.run(main())
