"""ITI-108 over sockets: every interaction, its refusals, and what the audit is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.bindings import fhirtypes
from tests.deciding import PHYSICIAN, REASONS, Place, actor, deny, own, permit

OPPOSED = deny(purpose=[{"system": REASONS, "code": "HOPERAT"}])
FORM = "application/x-www-form-urlencoded"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def told(place: Place) -> tuple[str, str]:
    """EventActionCode and EventID of the newest audit message."""
    message = place.message()
    action = message.partition('EventActionCode="')[2][0]
    return action, message.partition('<EventID csd-code="')[2].partition('"')[0]


def test_a_consent_lives_from_create_to_delete_and_stays_readable(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("LIFE")
        patient, place = deciding.patient("LIFE"), deciding
        made = await place.fhir(patient, "POST", "/Consent", place.consent("LIFE", OPPOSED))
        consent = made.told
        fhirtypes.check(consent)
        path = f"/Consent/{consent['id']}"
        assert (made.status, made.headers["etag"]) == (201, 'W/"1"')
        assert made.headers["location"].endswith(f"{path}/_history/1")
        assert told(place) == ("C", "rest")
        assert consent["id"] in place.message()
        assert place.cx("LIFE").replace("&", "&amp;") in place.message()
        assert (await place.fhir(patient, "GET", path)).told == consent
        assert told(place) == ("R", "rest")
        changed = {**consent, "provision": {"type": "permit", "provision": [deny("dr.weber")]}}
        again = await place.fhir(patient, "PUT", path, changed, if_match='W/"1"')
        assert (again.status, again.headers["etag"], again.told["meta"]["versionId"]) == (200, 'W/"2"', "2")
        assert told(place) == ("U", "rest")
        assert (await place.fhir(patient, "DELETE", path)).status == 204
        assert told(place) == ("D", "rest")
        ended = (await place.fhir(patient, "GET", path)).told
        assert (ended["status"], ended["provision"]) == ("inactive", changed["provision"])
        assert (await place.fhir(patient, "DELETE", path)).status == 204
        assert (await place.fhir(patient, "GET", f"{path}/_history/1")).told == consent
        assert (await place.fhir(patient, "GET", f"{path}/_history/4")).status == 404
        history = (await place.fhir(patient, "GET", f"{path}/_history")).told
        fhirtypes.check(history)
        versions = [each["resource"]["meta"]["versionId"] for each in history["entry"]]
        assert (history["total"], versions) == (3, ["3", "2", "1"])

    asyncio.run(main())


def test_nobody_overwrites_what_they_have_not_read(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("MATCH")
        patient = deciding.patient("MATCH")
        consent = await deciding.decide("MATCH", OPPOSED)
        path = f"/Consent/{consent['id']}"
        unseen = deciding.consent("MATCH")
        assert (await deciding.fhir(patient, "PUT", path, unseen)).status == 428
        assert (await deciding.fhir(patient, "PUT", path, unseen, if_match='W/"2"')).status == 412
        assert (await deciding.fhir(patient, "PUT", path, unseen, if_match="x")).status == 400
        assert (await deciding.fhir(patient, "DELETE", path, if_match='W/"7"')).status == 412
        assert (await deciding.fhir(patient, "PUT", path, consent)).status == 200
        late = await deciding.fhir(patient, "PUT", path, consent)
        assert (late.status, late.issue) == (412, "conflict")

    asyncio.run(main())


def test_a_search_finds_page_by_page_what_was_asked_for(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("SEARCH")
        patient = deciding.patient("SEARCH")
        first = await deciding.decide("SEARCH", deny("dr.weber"))
        await deciding.decide("SEARCH", permit("2.999.2.3"))
        last = await deciding.decide("SEARCH", OPPOSED)
        await deciding.end(last)
        who = f"patient.identifier=urn:oid:{deciding.root}|SEARCH"

        async def ids(query: str) -> list[str]:
            answer = await deciding.fhir(patient, "GET", f"/Consent?{query}")
            assert answer.status == 200, answer.told
            fhirtypes.check(answer.told)
            return [each["resource"]["id"] for each in answer.told.get("entry", ())]

        everything = await ids(who)
        assert len(everything) == 3
        assert told(deciding) == ("E", "rest")
        assert await ids(f"{who}&status=active") == everything[:2]
        assert await ids(f"{who}&status=inactive") == [last["id"]]
        assert await ids(f"{who}&actor.identifier=urn:passerelle:subject|dr.weber") == [first["id"]]
        assert await ids(f"{who}&actor:identifier=urn:ietf:rfc:3986|urn:oid:2.999.2.3") == everything[1:2]
        assert await ids(f"_id={first['id']}") == [first["id"]]
        assert await ids(f"_id={NOWHERE}") == []
        assert await ids(f"{who}&_lastUpdated=lt2020-01-01") == []
        assert await ids(f"{who}&_lastUpdated=ge2020") == everything
        posted = await deciding.fhir(
            patient, "POST", "/Consent/_search", f"{who}&status=active".replace("|", "%7C"), content_type=FORM
        )
        assert posted.told["total"] == 2
        ((person,),) = deciding.rows("SELECT person FROM patient WHERE extension = 'SEARCH'")
        assert await ids(f"patient=Patient/{person:x}") == everything
        paged, url = [], f"/Consent?{who}&_count=2"
        while url:
            page = (await deciding.fhir(patient, "GET", url)).told
            assert page["total"] == 3
            paged += [each["resource"]["id"] for each in page["entry"]]
            following = [each["url"] for each in page["link"] if each["relation"] == "next"]
            url = following[0].removeprefix(deciding.told.fhir) if following else ""
        assert paged == everything

    asyncio.run(main())


def test_an_actor_is_found_by_the_url_it_was_given_with(deciding: Place) -> None:
    async def main() -> None:
        await deciding.feed("ACTOR")
        named = actor("dr.weber")
        named["reference"]["reference"] = "Practitioner/weber"
        consent = await deciding.decide("ACTOR", {"type": "deny", "actor": [named]})
        query = f"patient.identifier=urn:oid:{deciding.root}|ACTOR&actor="
        for value, number in (("Practitioner/weber", 1), ("weber", 1), ("Practitioner/other", 0)):
            found = await deciding.fhir(deciding.patient("ACTOR"), "GET", f"/Consent?{query}{value}")
            assert found.told["total"] == number, consent

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "issue"),
    [
        ("status=active", "required"),
        ("patient.identifier=X", "invalid"),
        ("patient.identifier=urn:oid:{root}|A&patient.identifier=urn:oid:{root}|B", "invalid"),
        ("patient.identifier=urn:oid:{root}|A&status=nonsense", "code-invalid"),
        ("patient.identifier=urn:oid:{root}|A&_include=Consent:patient", "not-supported"),
        ("patient.identifier=urn:oid:{root}|A&patient.name=x", "not-supported"),
        ("patient.identifier=urn:oid:{root}|A&_count=x", "invalid"),
    ],
)
def test_a_search_that_is_not_understood_is_refused(deciding: Place, query: str, issue: str) -> None:
    path = f"/Consent?{query.format(root=deciding.root)}"
    answer = asyncio.run(deciding.fhir(deciding.patient("A"), "GET", path))
    assert (answer.status, answer.issue) == (400, issue)


def test_the_consents_of_others_are_as_if_there_were_none(deciding: Place) -> None:
    """Whatever is done, by another patient or a professional: the answer is that of an unknown id."""

    async def main() -> None:
        place = deciding
        await place.feed("MINE", "THEIRS")
        consent = await place.decide("THEIRS", OPPOSED)
        state, known = place.rights(), f"/Consent/{consent['id']}"
        for who in (place.patient("MINE"), PHYSICIAN_AT_PORTAL):
            for method, path, body in (
                ("GET", "", None),
                ("GET", "/_history", None),
                ("GET", "/_history/1", None),
                ("PUT", "", consent),
                ("DELETE", "", None),
            ):
                theirs = await place.fhir(who, method, f"{known}{path}", body)
                other = {**consent, "id": NOWHERE} if body else None
                nobody = await place.fhir(who, method, f"/Consent/{NOWHERE}{path}", other)
                assert same(theirs, nobody) == 404, (method, path)
            query = f"patient.identifier=urn:oid:{place.root}|"
            for name in ("THEIRS", "NOBODY"):
                found = await place.fhir(who, "GET", f"/Consent?{query}{name}")
                assert (found.status, found.told["total"]) == (200, 0)
            known_one = await place.fhir(who, "POST", "/Consent", place.consent("THEIRS", OPPOSED))
            unknown = await place.fhir(who, "POST", "/Consent", place.consent("NOBODY", OPPOSED))
            assert same(known_one, unknown) == 403
        assert place.rights() == state

    asyncio.run(main())


PHYSICIAN_AT_PORTAL = PHYSICIAN.__class__(
    partner="patient-portal", role="physician", subject="dr.weber", organisation="2.999.2.1"
)


def same(one: Any, other: Any) -> int:
    """The status, where two answers differ in the trace id alone."""

    def plain(answer: Any) -> str:
        return str(answer.told["issue"]).partition(" [trace ")[0] + answer.issue

    assert plain(one) == plain(other)
    assert one.status == other.status
    return int(one.status)


@pytest.mark.parametrize(
    ("change", "status", "element"),
    [
        ({"scope": {"text": "x"}}, 422, "Consent.scope"),
        ({"status": "draft"}, 400, "Consent.status"),
        ({"dateTime": None}, 422, "Consent.dateTime"),
        ({"performer": None}, 422, "Consent.performer"),
        ({"organization": None}, 422, "Consent.organization"),
        ({"sourceReference": None}, 422, "Consent.sourceReference"),
        ({"policy": None}, 422, "Consent.policy"),
        ({"policy": [{"authority": "urn:x"}]}, 422, "Consent.policy[0].uri"),
        ({"provision": None}, 422, "Consent.provision"),
        ({"provision": {"purpose": [{"code": "TREAT"}]}}, 422, "Consent.provision.type"),
        ({"verification": [{"verified": True}]}, 422, "Consent.verification"),
        ({"category": None}, 400, "Consent.category"),
        ({"patient": {"display": "somebody"}}, 422, "Consent.patient"),
        ({"patient": {"identifier": {"system": "urn:x", "value": "1"}}}, 422, "Consent.patient.identifier"),
        (
            {"provision": {"type": "permit", "provision": [deny(documents=["2.999.8.8"])]}},
            422,
            "Consent.provision.data",
        ),
        (
            {"provision": {"type": "permit", "provision": [permit(modifierExtension=own("nothing"))]}},
            400,
            "Consent.provision.provision[0].modifierExtension",
        ),
    ],
)
def test_what_a_consent_lacks_is_named(
    deciding: Place, change: dict[str, Any], status: int, element: str
) -> None:
    async def main() -> None:
        await deciding.feed("LACK")
        merged = {**deciding.consent("LACK"), **change}
        asked = {name: each for name, each in merged.items() if each is not None}
        answer = await deciding.fhir(deciding.patient("LACK"), "POST", "/Consent", asked)
        assert (answer.status, answer.told["issue"][0]["expression"]) == (status, [element]), answer.told

    asyncio.run(main())


def test_the_capability_statement_tells_what_there_is(deciding: Place) -> None:
    asyncio.run(deciding.feed("STATEMENT"))
    answer = asyncio.run(deciding.fhir(deciding.patient("STATEMENT"), "GET", "/metadata"))
    fhirtypes.check(answer.told)
    (consent,) = [each for each in answer.told["rest"][0]["resource"] if each["type"] == "Consent"]
    assert {each["code"] for each in consent["interaction"]} == {
        "search-type", "create", "read", "vread", "history-instance", "update", "delete",
    }  # fmt: skip
    assert len(consent["supportedProfile"]) == 3
    assert {"patient", "patient.identifier", "status", "actor"} <= {
        each["name"] for each in consent["searchParam"]
    }
