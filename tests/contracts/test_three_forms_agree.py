"""The same population, told in three wire forms and asked in three: all give the same answers.

Identities are fed in a form drawn by lot, two are merged; then identifiers are cross-referenced (ITI-9, 45,
83) and persons searched (ITI-21, 47, 78). PASSERELLE_POPULATIONS says how many populations are drawn.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from lxml import etree

from gateway.declare.bindings import Raw, Sealed

House = Any
Found = frozenset[frozenset[tuple[str, str]]]
POPULATIONS = int(os.environ.get("PASSERELLE_POPULATIONS", "3"))
PEOPLE, QUERIES = 10, 14
V3 = "{urn:hl7-org:v3}"
LOCAL = ("2.999.2.1.7", "2.999.2.2.7")
FAMILIES = ("Schmit", "Schmitz", "Müller", "Mueller", "da Silva", "Weber", "Ferreira")
GIVEN = ("Anna", "Anne", "Jean", "Jean-Pierre", "Émile", "Zoé")
DATES = ("19800102", "19800103", "19801201", "19750503")
TOWNS = (("Esch", "4040"), ("Diekirch", "9210"), ("Esch-sur-Sûre", "9650"))
HEAD = (
    '<{0} xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="2.25.{1}"/><creationTime value="20261122"/>'
    '<interactionId root="2.16.840.1.113883.1.6" extension="{0}"/><processingCode code="T"/>'
    '<processingModeCode code="T"/><acceptAckCode code="AL"/>'
    '<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.999.50.1"/>'
    '</device></receiver><sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">'
    '<id root="2.999.60.1"/></device></sender>'
)


@dataclass(frozen=True)
class Person:
    """Who is told of, in the words of all three forms."""

    family: str
    given: str
    born: str
    sex: str
    city: str
    postcode: str


class Talk:
    """Feeds and asks one house in each form."""

    def __init__(self, house: House, words: SimpleNamespace) -> None:
        self.house, self.words = house, words
        self.affinity = house.settings.domain.affinity_oid

    def send(self, form: str, raw: Raw) -> bytes:
        answer: Sealed = asyncio.run(self.house.call(form, raw))
        return b"".join(answer.pieces)  # type: ignore[arg-type]

    def v2(self, kind: str, version: str, segments: str) -> str:
        head = (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||{kind}|{uuid.uuid4().hex[:20]}|P|{version}"
            "||||||UNICODE UTF-8\r"
        )
        raw = Raw(body=(head + segments).encode(), target="mllp")
        return self.send("hl7v2", self.house.peer(raw, "hospital")).decode()

    def v3(self, code: str, interaction: str, control: str) -> etree._Element:
        body = HEAD.format(interaction, uuid.uuid4().int) + control + f"</{interaction}>"
        declared = next(
            each
            for each in self.house.gateway.engine.catalogue.transactions()
            if each.code == code and each.binding.request.endswith(interaction)
        )
        raw = self.words.write_soap(self.house, declared, [self.words.c14n(etree.fromstring(body))])
        return etree.fromstring(self.send("soap", raw))

    def fhir(self, path: str, query: str, resource: Any = None) -> Any:
        raw = self.words.fhir(self.house, path, query)
        if resource is not None:
            headers = {**raw.headers, "content-type": "application/fhir+json"}
            raw = replace(raw, method="PUT", headers=headers, body=orjson.dumps(resource))
        return orjson.loads(self.send("fhir", raw))

    # --- feeds ---

    def feed_v2(self, value: str, root: str, who: Person) -> None:
        answer = self.v2(
            "ADT^A04",
            "2.3.1",
            f"EVN|A04|20260101120000\rPID|1||{value}^^^&{root}&ISO||{who.family}^{who.given}||{who.born}|{who.sex}"
            f"|||^^{who.city}^^{who.postcode}\rPV1|1|O\r",
        )
        assert "MSA|AA" in answer

    def feed_v3(self, value: str, root: str, who: Person) -> None:
        answer = self.v3(
            "ITI-44",
            "PRPA_IN201301UV02",
            '<controlActProcess classCode="CACT" moodCode="EVN"><code code="PRPA_TE201301UV02" '
            'codeSystem="2.16.840.1.113883.1.6"/><subject typeCode="SUBJ"><registrationEvent classCode="REG" '
            'moodCode="EVN"><id nullFlavor="NA"/><statusCode code="active"/><subject1 typeCode="SBJ">'
            f'<patient classCode="PAT"><id root="{root}" extension="{value}"/><statusCode code="active"/>'
            '<patientPerson classCode="PSN" determinerCode="INSTANCE"><name>'
            f"<given>{who.given}</given><family>{who.family}</family></name>"
            f'<administrativeGenderCode code="{who.sex}" codeSystem="2.16.840.1.113883.5.1"/>'
            f'<birthTime value="{who.born}"/><addr><city>{who.city}</city>'
            f"<postalCode>{who.postcode}</postalCode></addr></patientPerson>"
            '<providerOrganization classCode="ORG" determinerCode="INSTANCE">'
            f'<id root="{root}"/><contactParty classCode="CON"><telecom value="tel:+352-1"/></contactParty>'
            '</providerOrganization></patient></subject1><custodian typeCode="CST"><assignedEntity '
            f'classCode="ASSIGNED"><id root="{root}"/></assignedEntity></custodian></registrationEvent>'
            "</subject></controlActProcess>",
        )
        assert answer.find(f".//{V3}acknowledgement/{V3}typeCode").get("code") == "CA"  # type: ignore[union-attr]

    def feed_fhir(self, value: str, root: str, who: Person) -> None:
        system = f"urn:oid:{root}"
        born = f"{who.born[:4]}-{who.born[4:6]}-{who.born[6:]}"
        self.fhir(
            "/Patient",
            f"identifier={system}%7C{value}",
            {
                "resourceType": "Patient",
                "identifier": [{"system": system, "value": value}],
                "name": [{"family": who.family, "given": [who.given]}],
                "birthDate": born,
                "gender": {"F": "female", "M": "male"}[who.sex],
                "address": [{"city": who.city, "postalCode": who.postcode}],
            },
        )

    # --- cross-reference ---

    def pix(self, value: str, root: str) -> list[frozenset[tuple[str, str]] | None]:
        """The answers of v2, v3 and FHIR; None where the identifier is not known."""
        v2 = self.v2("QBP^Q23^QBP_Q21", "2.5", f"QPD|IHE PIX Query|t|{value}^^^&{root}&ISO\rRCP|I\r")
        v3 = self.v3(
            "ITI-45",
            "PRPA_IN201309UV02",
            query("PRPA_TE201309UV02", f'<patientIdentifier><value root="{root}" extension="{value}"/>'
                  "<semanticsText>Patient.id</semanticsText></patientIdentifier>", modality=""),
        )  # fmt: skip
        told = self.fhir("/Patient/$ihe-pix", f"sourceIdentifier=urn:oid:{root}%7C{value}")
        return [
            None if "|AE" in v2 else frozenset().union(*of_v2(v2)),
            None if code_of(v3) == "AE" else frozenset().union(*of_v3(v3)),
            None if told["resourceType"] == "OperationOutcome" else frozenset(
                identifier(each["valueIdentifier"]) for each in told.get("parameter", ())
            ),
        ]  # fmt: skip

    # --- searches ---

    def search(self, wanted: dict[str, str]) -> list[Found]:
        """The persons that v2, v3 and FHIR find, each as the set of its identifiers."""
        criteria = "~".join(f"@PID.{IN_V2[name]}^{text}" for name, text in wanted.items())
        v2 = self.v2("QBP^Q22^QBP_Q21", "2.5", f"QPD|IHE PDQ Query|t|{criteria}\rRCP|I\r")
        asked = "".join(write(wanted[name]) for name, write in IN_V3.items() if name in wanted)
        if {"family", "given"} & wanted.keys():
            parts = "".join(
                f"<{name}>{wanted[name]}</{name}>" for name in ("given", "family") if name in wanted
            )
            asked += parameter("livingSubjectName", f"<value>{parts}</value>")
        if {"city", "postcode"} & wanted.keys():
            tags = {"city": "city", "postcode": "postalCode"}
            parts = "".join(f"<{tag}>{wanted[name]}</{tag}>" for name, tag in tags.items() if name in wanted)
            asked += parameter("patientAddress", f"<value>{parts}</value>")
        v3 = self.v3("ITI-47", "PRPA_IN201305UV02", query("PRPA_TE201305UV02", asked))
        assert code_of(v3) in {"OK", "NF"}, etree.tostring(v3)
        told = self.fhir("/Patient", "_count=200&" + "&".join(IN_FHIR[name](t) for name, t in wanted.items()))
        assert told["resourceType"] == "Bundle", told
        resources = [each["resource"] for each in told.get("entry", ())]
        return [
            frozenset(of_v2(v2)),
            frozenset(of_v3(v3)),
            frozenset(frozenset(map(identifier, each["identifier"])) for each in resources),
        ]


def query(trigger: str, parameters: str, modality: str = '<responseModalityCode code="R"/>') -> str:
    return (
        f'<controlActProcess classCode="CACT" moodCode="EVN"><code code="{trigger}" '
        'codeSystem="2.16.840.1.113883.1.6"/><queryByParameter><queryId root="2.999.99" '
        f'extension="{uuid.uuid4().hex}"/><statusCode code="new"/>{modality}<responsePriorityCode code="I"/>'
        f"<parameterList>{parameters}</parameterList></queryByParameter></controlActProcess>"
    )


def parameter(name: str, value: str) -> str:
    return f"<{name}>{value}<semanticsText>{name}</semanticsText></{name}>"


IN_V2 = {"family": "5.1.1", "given": "5.2", "born": "7", "sex": "8", "city": "11.3", "postcode": "11.5"}
IN_V3: dict[str, Callable[[str], str]] = {
    "sex": lambda text: parameter("livingSubjectAdministrativeGender", f'<value code="{text}"/>'),
    "born": lambda text: parameter("livingSubjectBirthTime", f'<value value="{text}"/>'),
}
IN_FHIR: dict[str, Callable[[str], str]] = {
    "family": lambda text: f"family={quote(text)}",
    "given": lambda text: f"given={quote(text)}",
    "born": lambda text: "birthdate=" + "-".join(filter(None, (text[:4], text[4:6], text[6:]))),
    "sex": lambda text: f"gender={'female' if text == 'F' else 'male'}",
    "city": lambda text: f"address-city={quote(text)}",
    "postcode": lambda text: f"address-postalcode={text}",
}


def identifier(told: dict[str, str]) -> tuple[str, str]:
    return told["value"], told["system"]


def of_v2(answer: str) -> list[frozenset[tuple[str, str]]]:
    found = []
    for line in answer.split("\r"):
        if line.startswith("PID|"):
            parts = (each.split("^") for each in line.split("|")[3].split("~"))
            found.append(frozenset((each[0], SYSTEMS[each[3].split("&")[1]]) for each in parts))
    return found


def of_v3(answer: etree._Element) -> list[frozenset[tuple[str, str]]]:
    found = []
    for patient in answer.iter(f"{V3}patient"):
        ids = [*patient.findall(f"{V3}id"), *patient.findall(f".//{V3}asOtherIDs/{V3}id")]
        found.append(frozenset((each.get("extension"), SYSTEMS[each.get("root")]) for each in ids))
    return found


def code_of(answer: etree._Element) -> str:
    return str(next(answer.iter(f"{V3}queryResponseCode")).get("code"))


SYSTEMS: dict[str, str] = {}


@pytest.fixture
def talk(house: House, words: SimpleNamespace) -> Talk:
    domain = house.gateway.engine.services.domain
    SYSTEMS.update({root: each.system for root, each in domain.identity_domains.items()})
    return Talk(house, words)


def drawn(chance: random.Random) -> Person:
    city, postcode = chance.choice(TOWNS)
    return Person(
        chance.choice(FAMILIES),
        chance.choice(GIVEN),
        chance.choice(DATES),
        chance.choice("FM"),
        city,
        postcode,
    )


def wanted(chance: random.Random) -> dict[str, str]:
    """Some criteria; names and dates whole or from their beginning, with accents or without."""
    who = drawn(chance)
    everything = {
        "family": who.family[: chance.choice((3, 20))],
        "given": re.sub("É", "E", who.given)[: chance.choice((2, 20))],
        "born": who.born[: chance.choice((4, 6, 8))],
        "sex": who.sex,
        "city": who.city[: chance.choice((3, 20))],
        "postcode": who.postcode,
    }
    names = chance.sample(sorted(everything), chance.choice((1, 2, 2, 3)))
    return {name: everything[name] for name in names}


@pytest.mark.parametrize("seed", range(POPULATIONS))
def test_all_forms_tell_the_same(talk: Talk, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable
    fed: list[tuple[str, str]] = []
    feeds: Sequence[Callable[[str, str, Person], None]] = (talk.feed_v2, talk.feed_v3, talk.feed_fhir)
    for number in range(PEOPLE):
        who = drawn(chance)
        for root in (talk.affinity, *chance.sample(LOCAL, chance.choice((0, 1, 2)))):
            fed.append((f"{root[-1]}-{number}", root))
            chance.choice(feeds)(*fed[-1], who)
    ended, stays = chance.sample([each for each in fed if each[1] == talk.affinity], 2)
    merged = talk.v2(
        "ADT^A40",
        "2.3.1",
        f"EVN|A40|20260101120000\rPID|1||{stays[0]}^^^&{stays[1]}&ISO||^^\rMRG|{ended[0]}^^^&{ended[1]}&ISO\r",
    )
    assert "MSA|AA" in merged
    known = 0
    for each in [*fed, ("NOBODY", talk.affinity)]:
        first, *others = talk.pix(*each)
        assert others == [first, first], each
        known += first is not None and bool(first)
    assert talk.pix(*ended) == [None] * 3
    found = 0
    for _ in range(QUERIES):
        criteria = wanted(chance)
        first, *others = talk.search(criteria)
        assert others == [first, first], criteria
        found += bool(first)
    assert known
    assert found, "most criteria are drawn from what the population is drawn from"
