"""Our schema of audit messages gives the same verdict as the official one, which lies elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus"
OFFICIAL = CORPUS / "xsd/dicom-audit/dicom2017c.xsd"
ELEMENTS = (
    "EventIdentification", "EventID", "EventTypeCode", "EventOutcomeDescription", "PurposeOfUse",
    "ActiveParticipant", "RoleIDCode", "MediaIdentifier", "MediaType", "AuditSourceIdentification",
    "AuditSourceTypeCode", "ParticipantObjectIdentification", "ParticipantObjectIDTypeCode",
    "ParticipantObjectName", "ParticipantObjectQuery", "ParticipantObjectDetail",
    "ParticipantObjectDescription", "MPPS", "Accession", "SOPClass", "Instance",
    "ParticipantObjectContainsStudy", "StudyIDs", "Encrypted", "Anonymized", "Other",
)  # fmt: skip
ATTRIBUTES = (
    "csd-code", "code", "codeSystemName", "originalText", "displayName", "EventActionCode", "EventDateTime",
    "UserIsRequestor", "NetworkAccessPointTypeCode", "AuditSourceID", "ParticipantObjectTypeCode", "UID",
    "ParticipantObjectTypeCodeRole", "ParticipantObjectDataLifeCycle", "Number", "NumberOfInstances",
    "type", "value", "other",
)  # fmt: skip
VALUES = ("", "x", " 1 ", "0", "4", "5", "6", "15", "16", "26", "27", "true", "E", "EE", "-1", "eA==", "a b")
LEAST = 10_000
EVERYTHING = """<AuditMessage>
<EventIdentification EventActionCode="R" EventDateTime="2026-01-01T00:00:00Z" EventOutcomeIndicator="12">
<EventID csd-code="1" codeSystemName="DCM" originalText="a" displayName="b"/>
<EventTypeCode csd-code="1" codeSystemName="DCM" originalText="a"/><EventOutcomeDescription>c
</EventOutcomeDescription><PurposeOfUse csd-code="1" codeSystemName="DCM" originalText="a"/>
</EventIdentification>
<ActiveParticipant UserID="u" AlternativeUserID="v" UserName="w" UserIsRequestor="1"
NetworkAccessPointID="n" NetworkAccessPointTypeCode="5">
<RoleIDCode csd-code="1" codeSystemName="DCM" originalText="a"/>
<MediaIdentifier><MediaType csd-code="1" codeSystemName="DCM" originalText="a"/></MediaIdentifier>
</ActiveParticipant>
<AuditSourceIdentification AuditEnterpriseSiteID="s" AuditSourceID="t"><AuditSourceTypeCode csd-code="9"/>
<AuditSourceTypeCode csd-code="x" codeSystemName="DCM" originalText="a" displayName="b"/>
</AuditSourceIdentification>
<ParticipantObjectIdentification ParticipantObjectID="o" ParticipantObjectTypeCode="2"
ParticipantObjectTypeCodeRole="3" ParticipantObjectDataLifeCycle="15" ParticipantObjectSensitivity="N">
<ParticipantObjectIDTypeCode csd-code="9" codeSystemName="RFC-3881" originalText="Report Number"/>
<ParticipantObjectName>name</ParticipantObjectName><ParticipantObjectDetail type="a" value="eA=="/>
<ParticipantObjectDescription><MPPS UID="1"/><Accession Number="2"/>
<SOPClass UID="3" NumberOfInstances="1"><Instance UID="4"/></SOPClass>
<ParticipantObjectContainsStudy><StudyIDs UID="5"/></ParticipantObjectContainsStudy>
<Encrypted>true</Encrypted><Anonymized>0</Anonymized></ParticipantObjectDescription>
</ParticipantObjectIdentification>
<ParticipantObjectIdentification>
<ParticipantObjectIDTypeCode csd-code="9" codeSystemName="RFC-3881" originalText="Report Number"/>
<ParticipantObjectQuery>eA==</ParticipantObjectQuery></ParticipantObjectIdentification></AuditMessage>"""

pytestmark = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason=f"no official schema in {OFFICIAL}; name its place with PASSERELLE_SHARED"
)


def messages() -> Iterator[etree._Element]:
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True)
    yield etree.fromstring(EVERYTHING, parser)
    for folder in ("ipf", "epd-by-example"):
        for path in sorted((CORPUS / "atna" / folder).glob("*.xml")):
            yield etree.parse(path, parser).getroot()


def changes(place: etree._Element) -> Iterator[Callable[[etree._Element], object]]:
    """Every small change of an element: attributes, order, children, text."""
    for name in {*place.attrib, *ATTRIBUTES}:
        yield lambda each, name=name: each.attrib.pop(name, None)
        for value in VALUES:
            yield lambda each, name=name, value=value: each.set(name, value)
    yield lambda each: each.getparent() is not None and each.getparent().remove(each)
    yield lambda each: each.addnext(deepcopy(each)) if each.getparent() is not None else None
    yield lambda each: each.insert(0, each[-1]) if len(each) > 1 else None
    for text in ("text", "eA==", "1"):
        yield lambda each, text=text: setattr(each, "text", text)
    for name in ELEMENTS:
        yield lambda each, name=name: each.append(each.makeelement(name))
        yield lambda each, name=name: setattr(each, "tag", name)


def test_messages_and_all_their_changes_get_the_official_verdict() -> None:
    official, ours = (
        etree.XMLSchema(etree.parse(path)) for path in (OFFICIAL, ROOT / "schemas/dicom/audit-message.xsd")
    )
    differing, seen = [], [0, 0]
    kinds: set[tuple[str, ...]] = set()
    for message in messages():
        assert official.validate(message) == ours.validate(message)
        for at, place in enumerate(message.iter(tag=etree.Element)):
            around = tuple(str(each.tag) for each in (place, *place.iterancestors()))
            if around in kinds:
                continue
            kinds.add(around)
            for change in changes(place):
                mutant = deepcopy(message)
                change(list(mutant.iter(tag=etree.Element))[at])
                verdict = official.validate(mutant)
                seen[verdict] += 1
                if verdict != ours.validate(mutant):
                    differing.append((around[0], etree.tostring(mutant)[:300]))
    assert differing == []
    assert min(seen) > LEAST // 10
    assert sum(seen) > LEAST
