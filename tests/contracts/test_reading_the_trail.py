"""ITI-81 over sockets: the whole trail for the auditor, of patients what is their own, page by page."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from lxml import etree

from gateway.bindings import fhirtypes
from gateway.cli.partner import Acting
from tests.deciding import PHYSICIAN, Answer, Place, Who, permit
from tests.logging_nodes import LogSite, audit_xml, until
from tests.logging_nodes import syslog as written

AUDITOR = Who(partner="privacy-desk", role="auditor", subject="au.clement", organisation="2.999.2.7")
OFFICER = replace(AUDITOR, role="data-protection-officer", subject="dpo.reding")
SINCE = "date=ge2026-01-01"
FORM = "application/x-www-form-urlencoded"


def named(place: Place, patient: str, parameter: str = "patient.identifier") -> str:
    return f"{SINCE}&{parameter}=urn:oid:{place.root}|{patient}"


async def asked(place: Place, who: Who, query: str, **headers: str) -> Answer:
    return await place.fhir(who, "GET", f"/AuditEvent?{query}", **headers)


async def events(place: Place, who: Who, query: str) -> list[dict[str, Any]]:
    answer = await asked(place, who, query)
    assert answer.status == 200, answer.told
    return [each["resource"] for each in answer.told.get("entry", ())]


async def indexed(place: Place) -> None:
    """Waits until all that was told before is found."""
    ((newest,),) = place.rows("SELECT max(id) FROM audit")
    until = time.monotonic() + 20
    while not place.rows("SELECT 1 FROM event WHERE place = ?", newest):
        assert time.monotonic() < until, "the trail is not indexed"
        await asyncio.sleep(0.1)


def transactions(found: list[dict[str, Any]]) -> list[str]:
    return [each["subtype"][0]["code"] for each in found]


def test_the_auditor_finds_what_happened_to_a_patient(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("TRAIL-1", "TRAIL-2")
        await place.provide("TRAIL-1", "Letter")
        await place.seen(PHYSICIAN, "TRAIL-1")
        await indexed(place)
        answer = await asked(place, AUDITOR, named(place, "TRAIL-1"))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/fhir+json")
        bundle = answer.told
        fhirtypes.check(bundle)
        assert (bundle["type"], bundle["total"]) == ("searchset", 3)
        found = [each["resource"] for each in bundle["entry"]]
        assert transactions(found) == ["ITI-18", "ITI-41", "ITI-8"]
        for each in found:
            AuditEvent.model_validate(each)
        first = bundle["entry"][0]
        assert first["fullUrl"].endswith(f"/AuditEvent/{found[0]['id']}")
        assert {"system": f"urn:oid:{place.root}", "value": "TRAIL-1"}.items() <= next(
            each["what"]["identifier"] for each in found[0]["entity"] if each["role"]["code"] == "1"
        ).items()
        read = await place.fhir(OFFICER, "GET", f"/AuditEvent/{found[1]['id']}")
        assert (read.status, read.told) == (200, found[1])
        for unknown in ("0-0", "x", "1-ffffffffffffffff"):
            assert (await place.fhir(AUDITOR, "GET", f"/AuditEvent/{unknown}")).status == 404
        as_xml = await asked(place, AUDITOR, named(place, "TRAIL-1"), accept="application/fhir+xml")
        root = etree.fromstring(as_xml.told)
        assert len(root.findall(".//{*}AuditEvent")) == 3
        by_post = await place.fhir(
            AUDITOR,
            "POST",
            "/AuditEvent/_search",
            named(place, "TRAIL-1").replace("|", "%7C"),
            content_type=FORM,
        )
        # The searches of before are found by the patient whom they named.
        assert transactions([each["resource"] for each in by_post.told["entry"]])[-3:] == transactions(found)

    asyncio.run(main())


def test_every_parameter_narrows_the_search(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("PARAM")
        document = await place.provide("PARAM", "Letter")
        await place.seen(PHYSICIAN, "PARAM")
        await place.retrieved(PHYSICIAN, document)
        await indexed(place)
        everything = named(place, "PARAM")
        upload, query = "urn:ihe:event-type-code|ITI-41", "urn:ihe:event-type-code|ITI-18"
        for more, expected in (
            ("", ["ITI-43", "ITI-18", "ITI-41", "ITI-8"]),
            (f"subtype={query}", ["ITI-18"]),
            (f"subtype={query},{upload}", ["ITI-18", "ITI-41"]),
            (f"subtype={query}&subtype={upload}", []),
            ("subtype=ITI-8", ["ITI-8"]),
            ("type=http://dicom.nema.org/resources/ontology/DCM|110107", ["ITI-41"]),
            ("type=110110,110106", ["ITI-43", "ITI-8"]),
            ("outcome=0", ["ITI-43", "ITI-18", "ITI-41", "ITI-8"]),
            ("outcome=8,12", []),
            (f"agent.identifier={PHYSICIAN.subject}", ["ITI-43", "ITI-18", "ITI-41"]),
            (f"agent={PHYSICIAN.subject}&outcome=4", []),
            ("agent.identifier=nobody", []),
            (f"entity.identifier={document}", ["ITI-43"]),
            (f"entity=urn:oid:{document}", ["ITI-43"]),
            ("entity-type=1&entity-role=3", ["ITI-43"]),
            ("entity-role=http://hl7.org/fhir/object-role|24", ["ITI-18"]),
            ("entity-role=http://elsewhere|24", []),
            ("source.identifier=integration", []),
            ("source=passerelle&address=127.0", ["ITI-43", "ITI-18", "ITI-41", "ITI-8"]),
            ("address=127.0.0.1&address=nowhere", []),
            ("unheard-of=1&_sort=-date", ["ITI-43", "ITI-18", "ITI-41", "ITI-8"]),
            ("date=lt2026-01-02", []),
            ("date=2026,2030-12-31", ["ITI-43", "ITI-18", "ITI-41", "ITI-8"]),
            ("date=1999,2030-12-31", []),
        ):
            found = await events(place, AUDITOR, f"{everything}&{more}".rstrip("&"))
            assert [each for each in transactions(found) if each != "ITI-81"] == expected, more
        exact = (await events(place, AUDITOR, f"{everything}&subtype={upload}"))[0]["recorded"]
        assert transactions(await events(place, AUDITOR, f"{everything}&date={exact}"))[-1:] == ["ITI-41"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "status", "issue"),
    [
        ("", 400, "required"),
        ("type=110112", 400, "required"),
        ("date=yesterday", 400, "invalid"),
        ("date=ne2026", 400, "invalid"),
        ("date=2026-02-30", 400, "invalid"),
        ("date=ge2026&outcome=5", 400, "code-invalid"),
        ("date=ge2026&type:not=110112", 400, "not-supported"),
        ("date=ge2026&agent.identifier=urn:oid:1.2|", 400, "invalid"),
        ("date=ge2026&_count=many", 400, "invalid"),
        ("date=ge2026&_page=AAAA", 400, "invalid"),
    ],
)
def test_a_search_that_is_not_understood_is_refused(
    deciding: Place, query: str, status: int, issue: str
) -> None:
    answer = asyncio.run(asked(deciding, AUDITOR, query))
    assert (answer.status, answer.issue) == (status, issue)
    transaction, _, _ = deciding.rows('SELECT "transaction", outcome, message FROM audit ORDER BY id DESC')[0]
    assert transaction == "ITI-81"
    assert 'csd-code="110101"' in deciding.message()


def test_pages_keep_their_place_while_events_arrive(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("PAGES")
        for _ in range(4):
            await place.seen(PHYSICIAN, "PAGES")
        await indexed(place)
        query = f"{named(place, 'PAGES')}&type=110112,110110"
        whole = [each["id"] for each in await events(place, AUDITOR, query)]
        assert len(whole) == 5
        paged, url = [], f"/AuditEvent?{query}&_count=2"
        while url:
            page = (await place.fhir(AUDITOR, "GET", url)).told
            paged += [each["resource"]["id"] for each in page["entry"]]
            links = {each["relation"]: each["url"] for each in page["link"]}
            url = links.get("next", "").removeprefix(place.told.fhir)
            assert "total" not in page
            await place.seen(PHYSICIAN, "PAGES")
            await indexed(place)
        assert paged == whole
        other = links["self"].replace("PAGES", "OTHER").removeprefix(place.told.fhir)
        assert (await place.fhir(AUDITOR, "GET", other)).status == 400
        assert (await asked(place, AUDITOR, f"{query}&_count=0")).told.get("entry") is None

    asyncio.run(main())


def test_a_patient_reads_what_is_about_the_own_record(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("OWN", "FOREIGN")
        await place.provide("OWN", "Letter")
        await place.provide("FOREIGN", "Letter")
        await indexed(place)
        patient = place.patient("OWN")
        own = await events(place, patient, named(place, "OWN"))
        assert transactions(own) == ["ITI-41", "ITI-8"]
        by_object = await events(place, patient, named(place, "OWN", "entity.identifier"))
        assert transactions(by_object)[-2:] == ["ITI-41", "ITI-8"]
        assert (await place.fhir(patient, "GET", f"/AuditEvent/{own[0]['id']}")).told == own[0]
        nobody = await asked(place, patient, SINCE)
        assert (nobody.status, nobody.issue) == (400, "required")
        foreign = await asked(place, patient, named(place, "FOREIGN"))
        unknown = await asked(place, patient, named(place, "NOBODY"))
        assert foreign.status == unknown.status == 200
        assert "entry" not in foreign.told
        assert foreign.told == {**unknown.told, "link": foreign.told["link"]}
        also = await asked(place, patient, f"{named(place, 'OWN')}&entity=urn:oid:{place.root}|FOREIGN")
        assert also.told == {**foreign.told, "link": also.told["link"]}
        both = await events(place, patient, f"{named(place, 'OWN')},urn:oid:{place.root}|FOREIGN")
        assert {each["what"]["identifier"]["value"] for each in patients_of(both)} == {"OWN"}
        theirs = (await events(place, AUDITOR, named(place, "FOREIGN")))[-1]["id"]
        assert (await place.fhir(patient, "GET", f"/AuditEvent/{theirs}")).status == 404
        await asked(place, patient, named(place, "FOREIGN"))
        assert (place.last()[0], place.last()[2]) == ("ITI-81", "MANDATE")
        assert place.cx("FOREIGN").replace("&", "&amp;") in place.message()

    asyncio.run(main())


def patients_of(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entity for each in found for entity in each["entity"] if entity["role"]["code"] == "1"]


def test_a_representative_reads_under_a_mandate_that_covers_it(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("CHILD", "MOTHER")
        await indexed(place)
        mother = place.representative("MOTHER", "CHILD")
        assert await events(place, mother, named(place, "CHILD")) == []
        await place.decide("CHILD", mandate(place, "MOTHER", "document:read"))
        assert await events(place, mother, named(place, "CHILD")) == []
        await place.decide("CHILD", mandate(place, "MOTHER", "audit:read"))
        await indexed(place)
        assert transactions(await events(place, mother, named(place, "CHILD")))[-1] == "ITI-8"

    asyncio.run(main())


def mandate(place: Place, holder: str, action: str) -> dict[str, Any]:
    extension = [
        {"url": "kind", "valueCode": "mandate"},
        {"url": "given-by", "valueCode": "patient"},
        {"url": "action", "valueCode": action},
    ]
    given = permit(place.cx(holder))
    return {**given, "modifierExtension": [{"url": "urn:passerelle:directive", "extension": extension}]}


async def syslog(place: Place, who: Who, query: str, accept: str = "application/json") -> Answer:
    answer = await place.fhir(who, "GET", f"/syslogsearch?{query}", accept=accept)
    if answer.headers["content-type"] == "application/json":
        return replace(answer, told=json.loads(answer.told))
    return answer


def test_messages_are_found_by_the_fields_of_syslog(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        await place.feed("SYSLOG")
        await place.provide("SYSLOG", "Letter")
        await indexed(place)
        here = f"{SINCE}&msg=SYSLOG"
        found = await syslog(place, AUDITOR, here)
        assert (found.status, len(found.told)) == (200, 2)
        first = found.told[0]
        kept = place.rows("SELECT message FROM audit WHERE \"transaction\" = 'ITI-41' ORDER BY id DESC")[0][0]
        assert first == {
            "Pri": "85",
            "Version": "1",
            "Timestamp": first["Timestamp"],
            "Hostname": "localhost",
            "App-name": "passerelle",
            "Msg-id": "IHE+RFC-3881",
            "Msg": kept,
        }
        assert datetime.fromisoformat(first["Timestamp"]).tzinfo is not None
        for more, expected in (
            ("hostname=local&pri=8&version=1", 2),
            ("app-name=nobody&app-name=passer", 2),
            ("msg=ITI-41", 1),
            ("msg-id=DICOM", 0),
            ("procid=1", 0),
            ("date=lt2026-01-02", 0),
            ("unheard-of=1", 2),
        ):
            if more.startswith("msg="):
                found = await syslog(place, AUDITOR, f"{SINCE}&{more}&msg-id=IHE")
                assert all("ITI-41" in each["Msg"] for each in found.told)
                continue
            found = await syslog(place, AUDITOR, f"{here}&{more}")
            # The searches name SYSLOG, too, and are found like all else.
            told = [each for each in found.told if "ITI-82" not in each["Msg"]]
            assert (found.status, len(told)) == (200, expected), more
        nothing = await syslog(place, AUDITOR, f"{SINCE}&msg=nowhere-at-all")
        assert (nothing.status, nothing.told) == (200, [])

    asyncio.run(main())


def test_a_syslog_search_is_refused_as_the_supplement_says(deciding: Place) -> None:
    async def main() -> None:
        place = deciding
        assert (await syslog(place, AUDITOR, "msg=x")).status == 400
        assert 'csd-code="110101"' in place.message()
        assert (await syslog(place, AUDITOR, SINCE, accept="text/html")).status == 415
        assert 'csd-code="110101"' in place.message()
        assert "ITI-82" in place.message()
        assert (
            await syslog(place, replace(AUDITOR, role="physician", subject="dr.weber"), SINCE)
        ).status == 403

    asyncio.run(main())


def test_events_of_other_systems_are_found_as_they_came(deciding: Place) -> None:
    told = {
        "resourceType": "AuditEvent",
        "id": "theirs",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
        "recorded": "2026-03-04T05:06:07.891234+01:00",
        "outcome": "4",
        "agent": [{"who": {"identifier": {"value": "ward-7"}}, "requestor": True}],
        "source": {"observer": {"display": "ward"}},
        "entity": [
            {
                "what": {"identifier": {"system": f"urn:oid:{deciding.root}", "value": "RECEIVED"}},
                "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
            }
        ],
    }

    async def main() -> None:
        place = deciding
        await place.feed("RECEIVED")
        source = Acting.at(place.settings, "audit-source", "physician")
        async with source.identity.http() as http:
            headers = {"content-type": "application/fhir+json"}
            kept = await http.post(f"{place.told.fhir}/AuditEvent", json=told, headers=headers)
        assert kept.status_code == 201, kept.text
        for who in (AUDITOR, place.patient("RECEIVED")):
            query = f"{named(place, 'RECEIVED')}&agent=ward-7&date=2026-03-04T04:06:07.891Z"
            (found,) = await events(place, who, query)
            assert found == {**told, "id": found["id"]}
            assert kept.headers["location"].partition("/_history")[0].endswith(f"/AuditEvent/{found['id']}")
            assert (await place.fhir(who, "GET", f"/AuditEvent/{found['id']}")).told == found
        assert (await syslog(place, AUDITOR, f"{SINCE}&msg=ward-7&date=2026-03-04")).told == []

    asyncio.run(main())


def test_others_may_not_read_it(deciding: Place) -> None:
    physician = replace(AUDITOR, role="physician", subject="dr.weber")
    answer = asyncio.run(asked(deciding, physician, SINCE))
    assert (answer.status, answer.issue) == (403, "forbidden")
    assert deciding.last()[::2] == ("ITI-81", "PROFILE")
    elsewhere = asyncio.run(asked(deciding, PHYSICIAN, SINCE))
    assert elsewhere.status == 403


def test_more_messages_than_an_answer_holds_are_told_by_its_status(deciding: Place) -> None:
    """206 with the newest 500; the rest by a narrower time (RESTful ATNA 3.82.4.2)."""
    site = LogSite(deciding.config)
    before, _ = site.kept()
    texts = (
        re.sub(rb'(?<=EventDateTime=")[^"]*', b"2026-02-03T04:%02d:%02dZ" % divmod(number, 60), audit_xml())
        for number in range(501)
    )
    site.send(*[written(text, app="many", number=number) for number, text in enumerate(texts)])
    assert until(lambda: site.kept()[0], before + 501) == before + 501

    async def main() -> None:
        partial = await syslog(deciding, AUDITOR, "date=2026-02-03&app-name=many")
        assert (partial.status, partial.headers["content-type"]) == (206, "application/json")
        assert [each["Procid"] for each in partial.told] == [str(number) for number in range(500, 0, -1)]
        for time_asked, expected in (("eb2026-02-03T04:00:01Z", 1), ("gt2026-02-03T04:00:00Z", 500)):
            whole = await syslog(deciding, AUDITOR, f"date={time_asked}&{SINCE}&app-name=many")
            assert (whole.status, len(whole.told)) == (200, expected)

    asyncio.run(main())
