"""People who use records, and the journals that tell of it: a script for a running installation."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lxml import etree

from gateway.client import xds
from tests.deciding import (
    OUTSIDER,
    PHARMACIST,
    PHYSICIAN,
    PRESCRIPTION,
    Place,
    Who,
    deny,
    mandate,
)

ADMINISTRATOR = Who(
    partner="tester", role="records-administrator", subject="conformance-user", organisation="2.999.2.9"
)
OFFICER = Who(
    partner="privacy-desk", role="data-protection-officer", subject="dpo.reding", organisation="2.999.2.7"
)
EMERGENCY = replace(PHYSICIAN, purpose="ETREAT", emergency="found unconscious")
EMR = "2.999.2.1.7"


@dataclass
class Script:
    """An installation, and what people do there."""

    place: Place

    # --- reading ---

    def settled(self) -> None:
        """Until every audit row can be found."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            ((rows,),) = self.place.rows("SELECT count(*) FROM audit")
            ((found,),) = self.place.rows("SELECT count(*) FROM event WHERE trail = 0")
            if rows == found:
                return
            time.sleep(0.1)
        raise AssertionError("the keeper did not index every row")

    async def journal(self, patient: str, who: Who | None = None, **asked: str) -> Any:
        """The answer to a request for a journal."""
        query = "".join(f"&{name.rstrip('_')}={value}" for name, value in asked.items())
        path = f"/AuditEvent/$journal?patient=urn:oid:{self.place.root}%7C{patient}{query}"
        return await self.place.fhir(who or self.place.patient(patient), "GET", path, accept="*/*")

    async def told(self, patient: str, language: str) -> list[str]:
        """The texts of a journal, the oldest first, without their times."""
        answer = await self.journal(patient, language=language)
        assert answer.status == 200, answer.told
        return [plain(each["resource"]) for each in reversed(answer.told.get("entry", ()))]

    def rows_naming(self, *identifiers: str) -> Counter[str]:
        """Ids of audit rows whose message names one of some patients, read from the XML alone."""
        wanted = set(identifiers)
        found: Counter[str] = Counter()
        for key, at, message in self.place.rows("SELECT id, at, message FROM audit"):
            objects = etree.fromstring(message).iter("ParticipantObjectIdentification")
            named = {
                each.get("ParticipantObjectID")
                for each in objects
                if (each.get("ParticipantObjectTypeCode"), each.get("ParticipantObjectTypeCodeRole"))
                == ("1", "1")
            }
            if named & wanted:
                found[f"{at:x}-{key:x}"] += 1
        return found

    # --- what people do ---

    async def hl7(self, trigger: str, patient: str, *, other: str = "", local: str = "") -> None:
        """A feed; `other` is merged into the patient, `local` is the hospital's own number."""
        acting, _ = self.place.acting(PHYSICIAN)
        merged = f"MRG|{self.place.cx(other)}\r" if other else ""
        also = f"~{local}^^^&{EMR}&ISO" if local else ""
        visit = "" if other else "PV1||O\r"
        answer = await acting.feed(
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{uuid.uuid4().hex[:20]}|T|2.3.1\r"
            f"EVN|{trigger}|20260101120000\rPID|||{self.place.cx(patient)}{also}||TEST^{patient}||19700101|F\r"
            f"{merged}{visit}".encode()
        )
        assert b"MSA|AA" in answer, answer

    async def visit(
        self, trigger: str, patient: str, admitted: datetime, discharged: datetime | None = None
    ) -> None:
        """A message about a visit (ITI-31, HL7 v2.5) over MLLP."""
        acting, _ = self.place.acting(PHYSICIAN)
        times = [f"{each:%Y%m%d%H%M%S}+0000" if each else "" for each in (admitted, discharged)]
        visit = ["PV1", "1", "I", *[""] * 16, f"V-{patient}", *[""] * 24, *times]
        answer = await acting.feed(
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{uuid.uuid4().hex[:20]}|T|2.5\r"
            f"EVN||20260101120000\rPID|1||{self.place.cx(patient)}||TEST^{patient}||19700101|F\r"
            f"{'|'.join(visit)}\r".encode()
        )
        assert b"MSA|AA" in answer, answer

    async def post(self, who: Who, path: str, resource: Any) -> Any:
        """An operation."""
        return await self.place.fhir(who, "POST", path, resource)

    async def fed(self, event: Any) -> int:
        """The status of an audit event that another system tells, for itself."""
        acting, _ = self.place.acting(replace(PHYSICIAN, partner="tester"))
        headers = {"content-type": "application/fhir+json"}
        async with acting.identity.http() as http:
            url = f"{self.place.told.fhir}/AuditEvent"
            return (await http.post(url, content=json.dumps(event), headers=headers)).status_code

    def parameters(self, patient: str, **texts: str) -> dict[str, Any]:
        identifier = {"system": f"urn:oid:{self.place.root}", "value": patient}
        told: list[dict[str, Any]] = [{"name": "patient", "valueIdentifier": identifier}]
        told += [{"name": name, "valueString": text} for name, text in texts.items()]
        return {"resourceType": "Parameters", "parameter": told}

    async def twenty(self, anna: str, bert: str) -> None:
        """Twenty accesses to the record of one patient."""
        place, self_of = self.place, self.place.patient
        await self.hl7("A01", anna)
        await self.hl7("A01", bert, local=f"E-{bert}")
        letter = await place.provide(anna, "Letter after the operation")
        await place.provide(anna, "Tablets", PRESCRIPTION)
        await place.seen(PHYSICIAN, anna)
        await place.retrieved(PHYSICIAN, letter)
        await place.opened(PHYSICIAN, letter)
        await place.listed(PHARMACIST, anna)
        await place.retrieved(PHARMACIST, letter)
        await place.listed(self_of(anna), anna)
        await place.listed(self_of(bert), anna)
        await place.decide(anna, mandate(place.cx(bert)))
        await place.listed(place.representative(bert, anna), anna)
        blocked = await place.decide(anna, deny("2.999.2.3"))
        await place.listed(PHARMACIST, anna)
        await place.end(blocked)
        await place.seen(EMERGENCY, anna)
        root = f"urn:oid:{place.root}"
        await place.fhir(self_of(anna), "GET", f"/Communication?patient.identifier={root}%7C{anna}")
        await self.post(self_of(anna), "/Consent/$presence-code", self.parameters(anna))
        await self.post(PHARMACIST, "/Consent/$present", self.parameters(anna, code="AAAA-AAAA"))
        await self.hl7("A08", anna)
        await self.journal(anna, self_of(bert))

    async def everything(self, first: str, second: str, third: str) -> None:
        """Exchanges of many kinds about three patients, more than one of them in some."""
        place = self.place
        await self.hl7("A04", first, local=f"E-{first}")
        await self.hl7("A01", second)
        await self.hl7("A01", third)
        names = [await place.provide(each, "Report") for each in (first, second, third)]
        for who in (PHYSICIAN, OUTSIDER, PHARMACIST, EMERGENCY):
            for each in (first, third):
                await place.listed(who, each)
                await place.seen(who, each)
        for each in names:
            await place.retrieved(PHYSICIAN, each)
            await place.opened(PHARMACIST, each)
        await self._retrieve_both(names[0], names[1])
        root = f"urn:oid:{place.root}"
        for path in (
            f"/Patient/$ihe-pix?sourceIdentifier={root}%7C{first}",
            f"/Patient/$ihe-pix?sourceIdentifier=urn:oid:{EMR}%7CE-{first}",
            f"/Patient?identifier={root}%7C{second}",
            "/Patient?family=TEST",
            f"/Consent?patient.identifier={root}%7C{first}",
        ):
            await place.fhir(replace(PHYSICIAN, partner="tester"), "GET", path)
        told = await place.decide(first, deny(documents=[names[0]]))
        await place.retrieved(PHYSICIAN, names[0])
        await place.end(told)
        await place.decide(second, deny())
        await place.listed(PHYSICIAN, second)
        await self.hl7("A08", first)
        await place.listed(place.representative(third, first), first)
        await self.hl7("A40", first, other=third)
        await place.listed(PHYSICIAN, first)
        await self.journal(first, place.patient(second))
        await self.journal(first, place.patient(first))

    async def remove(self, unique_id: str) -> None:
        """An ITI-86 of an administrator of records."""
        asked = (
            '<rmd:RemoveDocumentsRequest xmlns:rmd="urn:ihe:iti:rmd:2017">'
            '<xds:DocumentRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
            f"<xds:RepositoryUniqueId>{self.place.told.repository_unique_id}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId></xds:DocumentRequest>"
            "</rmd:RemoveDocumentsRequest>"
        )
        async with self.place.soap(ADMINISTRATOR) as client:
            reply = await client.call(
                self.place.told.repository,
                "urn:ihe:iti:2017:RemoveDocuments",
                [asked.encode()],
                packaged=False,
                assertion=self.place.assertion(ADMINISTRATOR),
            )
        xds._expect_success(reply.element)

    async def _retrieve_both(self, *names: str) -> None:
        """Documents of two patients in one request."""
        place = self.place
        wanted = [(place.told.repository_unique_id, each) for each in names]
        async with place.soap(PHYSICIAN) as client:
            await xds.retrieve(client, place.told, wanted, place.assertion(PHYSICIAN))


def plain(resource: Any) -> str:
    """The sentence of an AuditEvent, from after its time."""
    text = "".join(etree.fromstring(resource["text"]["div"]).itertext())
    return str(text).partition(": ")[2]


def whole_journal(script: Script, patient: str, *merged: str) -> int:
    """Checks that a journal is what the audit has of a patient, each row once; the number of rows."""
    script.settled()
    every = [patient, *merged]
    identifiers = [script.place.cx(each) for each in every] + [f"E-{each}^^^&{EMR}&ISO" for each in every]
    rows = script.rows_naming(*identifiers)  # before the reading, which is audited itself
    found = names(asyncio.run(script.journal(patient)))
    assert found == rows
    assert set(found.values()) == {1}
    return len(found)


def names(answer: Any) -> Counter[str]:
    """Ids of the entries of a journal."""
    assert answer.status == 200, answer.told
    return Counter(each["resource"]["id"] for each in answer.told.get("entry", ()))
