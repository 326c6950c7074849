"""Mandates: their times, and what their holders may not do (POL-03, POL-04)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.deciding import Answer, Place, deny, mandate, own, permit

SECOND = timedelta(seconds=1)


# --- POL-03 --------------------------------------------------------------------------------------


def mandated(forge: Any, words: Any, start: datetime, end: datetime) -> str:
    """The holder of a mandate of the first known patient; gives its id."""
    holder = forge.acting.full_id(words.OTHER)
    period = {"start": start.isoformat(), "end": end.isoformat()}
    said = words.decision(forge.house, mandate(holder, period=period))
    answer = forge.send(
        words.consent_raw(forge.house, "POST", "/Consent", said), "fhir", unchanged=False, secret=False
    )
    assert answer.status == 201, answer.body
    return str(holder)


def asked_at(forge: Any, words: Any, holder: str, at: datetime) -> Any:
    """An ITI-18 of the holder when the clock of the server says `at`."""
    assertion = forge.assertion(
        partner="patient-portal",
        role="representative",
        subject=holder,
        organisation=None,
        organisation_name=None,
        on_behalf_of=forge.acting.full_id(words.PATIENT),
        now=at - 10 * SECOND,
    )
    raw = forge.query(partner="patient-portal", assertion=assertion, now=at)
    return forge.send(raw, unchanged=False, secret=False, clock=lambda: at)


@pytest.mark.parametrize(
    ("offset", "permitted"),
    [
        (-SECOND, False),
        (timedelta(0), True),
        (60 * SECOND - timedelta(milliseconds=1), True),
        (60 * SECOND, False),
        (61 * SECOND, False),
    ],
    ids=["starts in one second", "at its start", "just before its end", "at its end", "ended a second ago"],
)
def test_pol_03_a_mandate_holds_from_its_start_until_before_its_end(
    forge: Any, words: Any, offset: timedelta, *, permitted: bool
) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    holder = mandated(forge, words, start, start + 60 * SECOND)
    found = asked_at(forge, words, holder, start + offset)
    assert (b"<rim:ExtrinsicObject " in found.body) is permitted
    assert found.response == "Success"
    (told,) = found.audit
    assert ("110147" in told.message) is not permitted
    reason = forge.house._query("SELECT decision FROM audit ORDER BY id DESC LIMIT 1")[0][0]
    assert ('"reason":"MANDATE"' in str(reason)) is not permitted


# --- POL-04 --------------------------------------------------------------------------------------


async def refused(place: Place, answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.told["resourceType"]) == (status, "OperationOutcome"), answer.told
    transaction, outcome, _ = place.last()
    assert (transaction, outcome) == ("ITI-108", 8)
    assert place.told_reason() == reason


async def said(place: Place, who: Any, patient: str, *exceptions: Any) -> Answer:
    return await place.fhir(who, "POST", "/Consent", place.consent(patient, *exceptions))


def test_pol_04_a_mandate_to_read_lets_change_nothing(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-4", "POL-4-SON")
        son = deciding.representative("POL-4-SON", "POL-4")
        consent = await deciding.decide("POL-4", mandate(son.subject, "document:query", "rights:read"))
        state, path = deciding.rights(), f"/Consent/{consent['id']}"
        assert (await deciding.fhir(son, "GET", path)).status == 200
        for exception in (
            deny("dr.weber"),
            permit("dr.weber"),
            mandate("x"),
            deny(modifierExtension=own("closure")),
        ):
            await refused(deciding, await said(deciding, son, "POL-4", exception), 403, "MANDATE")
        longer = {**consent, "provision": {"type": "permit", "provision": [mandate(son.subject)]}}
        for method, body in (("PUT", longer), ("DELETE", None)):
            await refused(deciding, await deciding.fhir(son, method, path, body), 404, "MANDATE")
        assert deciding.rights() == state

    asyncio.run(main())


def test_pol_04_a_mandate_over_rights_appoints_nobody(deciding: Place) -> None:
    """It covers the lists; not mandates, its own among them."""

    async def main() -> None:
        await deciding.feed("POL-4B", "POL-4B-SON")
        son = deciding.representative("POL-4B-SON", "POL-4B")
        consent = await deciding.decide("POL-4B", mandate(son.subject, "rights:change", "rights:read"))
        path = f"/Consent/{consent['id']}"
        assert (await said(deciding, son, "POL-4B", deny("dr.weber"))).status == 201
        state = deciding.rights()
        for exception in (mandate("2.999.2.1"), mandate(son.subject)):
            await refused(deciding, await said(deciding, son, "POL-4B", exception), 403, "MANDATE")
        longer = {**consent, "provision": {"type": "permit", "provision": [mandate(son.subject)]}}
        gone = {**consent, "provision": {"type": "permit"}}
        for method, body in (("PUT", longer), ("PUT", gone), ("DELETE", None)):
            await refused(deciding, await deciding.fhir(son, method, path, body), 404, "MANDATE")
        assert deciding.rights() == state

    asyncio.run(main())


def test_pol_04_acting_for_one_patient_is_not_acting_for_another(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-4C", "POL-4C-SON", "POL-4C-OTHER")
        son = deciding.representative("POL-4C-SON", "POL-4C")
        await deciding.decide("POL-4C", mandate(son.subject, "rights:change"))
        state = deciding.rights()
        await refused(deciding, await said(deciding, son, "POL-4C-OTHER", deny("dr.weber")), 403, "MANDATE")
        claimed = replace(son, on_behalf_of=deciding.cx("POL-4C-OTHER"))
        await refused(deciding, await said(deciding, claimed, "POL-4C", deny("dr.weber")), 403, "MANDATE")
        assert deciding.rights() == state

    asyncio.run(main())


def test_pol_04_a_patient_gives_mandates_as_the_patient_only(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("POL-4D")
        by_law = permit("x", modifierExtension=own("mandate", ("given-by", "law")))
        answer = await said(deciding, deciding.patient("POL-4D"), "POL-4D", by_law)
        assert (answer.status, answer.issue) == (422, "invariant")

    asyncio.run(main())
