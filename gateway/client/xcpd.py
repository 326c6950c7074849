"""Cross Gateway Patient Discovery as an Initiating Gateway asks it (ITI-55, ITI TF-2 3.55)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from gateway.client.soap import SoapClient
from gateway.errors import Malformed
from gateway.record.demographics import PersonName
from gateway.record.people import PatientId

_HL7 = "urn:hl7-org:v3"
_V = f"{{{_HL7}}}"
_INTERACTION = "PRPA_IN201305UV02"
_ANSWER = f"{_V}PRPA_IN201306UV02"
_ACTION = f"{_HL7}:{_INTERACTION}:CrossGatewayPatientDiscovery"
_EVENT = f"{_V}controlActProcess/{_V}subject/{_V}registrationEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Who is meant: family name, given names and birth date (YYYYMMDD), or identifiers, or both.

    `sex` is M, F or UN.
    """

    family: str = ""
    given: tuple[str, ...] = ()
    birth_date: str = ""
    sex: str = ""
    identifiers: tuple[PatientId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """Who asks whom: the OIDs of both systems, and the homeCommunityId of the asker, without `urn:oid:`."""

    sender: str
    receiver: str
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A patient as another community knows him. `home` is its homeCommunityId, without `urn:oid:`.

    `identifiers` begins with the one to ask documents by. `locates`: it answers ITI-56. `score` is 0 to 100.
    """

    home: str
    identifiers: tuple[PatientId, ...]
    name: PersonName | None
    birth_date: str
    sex: str
    locates: bool
    score: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """An answer: `code` is OK, NF, AE or QE; `wanted` attributes would help; `reasons` of no answer."""

    code: str
    matches: tuple[Match, ...] = ()
    wanted: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


async def discover(
    client: SoapClient, url: str, sought: Sought, between: Community, assertion: bytes | None = None
) -> Discovery:
    """Asks one community whether it knows a patient. Faulted and SignatureBroken as the client says."""
    body = discovery_body(sought, between, datetime.now(UTC))
    reply = await client.call(url, _ACTION, [body], packaged=False, assertion=assertion)
    return read_discovery(reply.element)


# --- the question --------------------------------------------------------------------------------


def discovery_body(sought: Sought, between: Community, at: datetime) -> bytes:
    """PRPA_IN201305UV02 in exclusive canonical form, to be answered at once."""
    query_id = _element("queryId", root=str(uuid.uuid4()))
    return (
        f'<{_INTERACTION} xmlns="{_HL7}" ITSVersion="XML_1.0">{_element("id", root=str(uuid.uuid4()))}'
        f"{_element('creationTime', value=at.astimezone(UTC).strftime('%Y%m%d%H%M%S+0000'))}"
        f"{_element('interactionId', extension=_INTERACTION, root='2.16.840.1.113883.1.6')}"
        f"{_element('processingCode', code='P')}{_element('processingModeCode', code='T')}"
        f"{_element('acceptAckCode', code='AL')}{_party('receiver', 'RCV', between.receiver, '')}"
        f"{_party('sender', 'SND', between.sender, between.home)}"
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        f"{_element('code', code='PRPA_TE201305UV02', codeSystem='2.16.840.1.113883.1.6')}"
        f"<queryByParameter>{query_id}{_element('statusCode', code='new')}"
        f"{_element('responseModalityCode', code='R')}{_element('responsePriorityCode', code='I')}"
        f"<parameterList>{''.join(_parameters(sought))}</parameterList></queryByParameter>"
        f"</controlActProcess></{_INTERACTION}>"
    ).encode()


def _element(name: str, **attributes: str) -> str:
    written = "".join(f" {key}={_quoted(value)}" for key, value in sorted(attributes.items()))
    return f"<{name}{written}></{name}>"


def _quoted(value: str) -> str:
    return quoteattr(value.replace('"', "\ufffe")).replace("\ufffe", "&quot;")


def _party(tag: str, kind: str, device: str, home: str) -> str:
    agent = ""
    if home:
        agent = (
            '<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
            f"{_element('id', root=home)}</representedOrganization></asAgent>"
        )
    return (
        f'<{tag} typeCode="{kind}"><device classCode="DEV" determinerCode="INSTANCE">'
        f"{_element('id', root=device)}{agent}</device></{tag}>"
    )


def _parameters(sought: Sought) -> Iterator[str]:
    """In the order of the schema."""
    if sought.sex:
        yield _parameter("livingSubjectAdministrativeGender", _element("value", code=sought.sex))
    if sought.birth_date:
        yield _parameter("livingSubjectBirthTime", _element("value", value=sought.birth_date))
    for each in sought.identifiers:
        value = _element("value", extension=each.extension, root=each.root)
        yield _parameter("livingSubjectId", value)
    if sought.family or sought.given:
        given = "".join(f"<given>{escape(each)}</given>" for each in sought.given)
        family = f"<family>{escape(sought.family)}</family>" if sought.family else ""
        yield _parameter("livingSubjectName", f"<value>{given}{family}</value>")


def _parameter(name: str, value: str) -> str:
    return f"<{name}>{value}<semanticsText>{name.replace('Subject', 'Subject.', 1)}</semanticsText></{name}>"


# --- the answer ----------------------------------------------------------------------------------


def read_discovery(answer: etree._Element) -> Discovery:
    """PRPA_IN201306UV02, also where others fill it loosely; Malformed when it is something else."""
    if answer.tag != _ANSWER:
        raise Malformed(f"the answer is {etree.QName(answer).localname}, expected PRPA_IN201306UV02")
    act = f"{_V}controlActProcess"
    code = answer.find(f"{act}/{_V}queryAck/{_V}queryResponseCode")
    details = answer.iterfind(f"{_V}acknowledgement/{_V}acknowledgementDetail/{_V}code")
    issue = f"{act}/{_V}reasonOf/{_V}detectedIssueEvent"
    managed = answer.iterfind(f"{issue}/{_V}mitigatedBy/{_V}detectedIssueManagement/{_V}code")
    asked = answer.iterfind(f"{issue}/{_V}triggerFor/{_V}actOrderRequired/{_V}code")
    return Discovery(
        code="" if code is None else code.get("code", ""),
        matches=tuple(filter(None, map(_match, answer.iterfind(_EVENT)))),
        wanted=tuple(each.get("code", "") for each in asked),
        reasons=tuple(each.get("code", "") for each in (*managed, *details)),
    )


def _match(event: etree._Element) -> Match | None:
    """None where nothing says whose patient it is, or by which identifier to ask for him."""
    patient = event.find(f"{_V}subject1/{_V}patient")
    entity = event.find(f"{_V}custodian/{_V}assignedEntity")
    if patient is None or entity is None:
        return None
    home, locator = entity.find(f"{_V}id"), entity.find(f"{_V}code")
    others = patient.iterfind(f"{_V}patientPerson/{_V}asOtherIDs/{_V}id")
    identifiers = tuple(dict.fromkeys(_identifiers((*patient.findall(f"{_V}id"), *others))))
    if home is None or not home.get("root") or not identifiers:
        return None
    return Match(
        home=home.get("root", ""),
        identifiers=identifiers,
        name=_name(patient.find(f"{_V}patientPerson/{_V}name")),
        birth_date=_attribute(patient, "patientPerson/birthTime", "value"),
        sex=_attribute(patient, "patientPerson/administrativeGenderCode", "code"),
        locates=locator is not None and locator.get("code") == "SupportsHealthDataLocator",
        score=_score(_attribute(patient, "subjectOf1/queryMatchObservation/value", "value")),
    )


def _identifiers(found: tuple[etree._Element, ...]) -> Iterator[PatientId]:
    for each in found:
        root, extension = each.get("root"), each.get("extension")
        if root and extension:
            yield PatientId(extension, root)


def _name(element: etree._Element | None) -> PersonName | None:
    if element is None or element.get("nullFlavor") is not None:
        return None
    family = " ".join(each.text for each in element.iterfind(f"{_V}family") if each.text)
    given = tuple(each.text for each in element.iterfind(f"{_V}given") if each.text)
    return PersonName(family=family, given=given) if family or given else None


def _attribute(patient: etree._Element, path: str, name: str) -> str:
    found = patient.find("/".join(f"{_V}{step}" for step in path.split("/")))
    return "" if found is None else found.get(name, "")


def _score(value: str) -> int | None:
    return int(value) if value.isdecimal() else None
