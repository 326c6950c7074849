"""Audit messages against the official schema, whatever stands in the facts."""

from __future__ import annotations

import os
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.audit import objects as audit_objects
from gateway.audit.alerts import application_activity, security_alert, user_authentication
from gateway.audit.objects import (
    AuditObject,
    decision_object,
    document_object,
    patient_object,
    query_object,
    submission_set_object,
)
from gateway.audit.record import (
    OBJECT_LIMIT,
    TEXT_LIMIT,
    AuditFacts,
    AuditSource,
    Human,
    Participant,
    audit_message,
    human_of,
    network_type,
)
from gateway.declare import events
from gateway.errors import Defect
from gateway.record.people import Code, PatientId, Principal, SubjectKind

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared"))
SCHEMA = SHARED / "corpus" / "xsd" / "dicom-audit" / "dicom2017c.xsd"
NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
PATIENT = PatientId("P<1>&", "2.999.3.1")
STORED_QUERY = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
SOURCE = AuditSource("2.999.1", "2.999.2")
HERE = Participant("https://gateway.example/xds/registry", "gateway.example", "4711")
PEER = Participant("http://www.w3.org/2005/08/addressing/anonymous", "10.0.0.7", is_requestor=True)


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    if not SCHEMA.is_file():
        pytest.skip("the official DICOM audit schema is not at hand (PASSERELLE_SHARED)")
    return etree.XMLSchema(etree.parse(SCHEMA))


def facts(**changes: Any) -> AuditFacts:
    event = events.query_event("ITI-18", "Registry Stored Query")
    given: dict[str, Any] = {
        "event": event.received,
        "type": event.type,
        "action": event.received_action,
        "at": NOW,
        "outcome": events.Outcome.SUCCESS,
        "source": PEER,
        "destination": HERE,
        "audit_source": SOURCE,
        "objects": (patient_object(PATIENT), query_object(STORED_QUERY, event.type, b"<AdhocQueryRequest/>")),
        "human": Human("dr-1", "<dr-1@https://idp.example>", (Code("PHYSICIAN", "2.999.1.1"),)),
        "purpose": Code("TREAT", "2.16.840.1.113883.5.8", "Treatment"),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }
    return AuditFacts(**{**given, **changes})


def parsed(told: AuditFacts) -> etree._Element:
    return etree.fromstring(audit_message(told).encode("utf-8"))


def details(element: etree._Element) -> dict[str, str]:
    return {
        each.get("type", ""): b64decode(each.get("value", "")).decode()
        for each in element.iter("ParticipantObjectDetail")
    }


MESSAGES = {
    "query": facts(),
    "nothing optional": facts(objects=(), human=None, purpose=None, trace_id=None),
    "submission": facts(
        event=events.IMPORT,
        type=events.transaction_type("ITI-41", "Provide and Register Document Set-b"),
        action=events.EventAction.CREATE,
        objects=(patient_object(PATIENT), submission_set_object("2.999.8.1", "urn:oid:2.999.4")),
    ),
    "medium": facts(
        event=events.EXPORT,
        type=events.transaction_type("ITI-32", "Distribute Document Set on Media"),
        action=events.EventAction.READ,
        destination=PEER._replace(media=events.FILE_AT_URI),
        objects=(
            patient_object(PATIENT),
            submission_set_object(
                "2.999.8.1", id_type=events.transaction_type("ITI-32", "Distribute Document Set on Media")
            ),
        ),
    ),
    "retrieve": facts(
        event=events.EXPORT,
        type=events.transaction_type("ITI-43", "Retrieve Document Set"),
        action=events.EventAction.READ,
        objects=(
            document_object("2.999.9.1", "2.999.6", "urn:oid:2.999.4"),
            document_object("2.999.9.2", None),
        ),
    ),
    "refused": facts(
        outcome=events.Outcome.SERIOUS_FAILURE,
        description="refused: <reason>",
        more_types=(events.ACCESS_DECISION, events.EMERGENCY_STARTED),
        objects=(decision_object("BLACKLIST", "P4", "2026.1+0"),),
    ),
    "removed": facts(objects=(document_object("2.999.9.1", "2.999.6", life_cycle="15"),)),
    "named": facts(objects=(AuditObject("x", audit_objects.URI, "2", "4", name="a <name>"),)),
    "alert": security_alert(
        events.NODE_AUTHENTICATION,
        at=NOW,
        outcome=events.Outcome.SERIOUS_FAILURE,
        peer=PEER,
        here=HERE,
        audit_source=SOURCE,
        description="certificate unknown",
        trace_id="t",
    ),
    "abuse": security_alert(
        events.PROTOCOL_ABUSE,
        at=NOW,
        outcome=events.Outcome.MINOR_FAILURE,
        peer=PEER,
        here=HERE,
        audit_source=SOURCE,
        description="too large",
    ),
    "login": user_authentication(
        events.LOGIN,
        at=NOW,
        outcome=events.Outcome.SERIOUS_FAILURE,
        peer=PEER,
        here=HERE,
        audit_source=SOURCE,
        description="assertion not valid",
    ),
    "start": application_activity(
        events.APPLICATION_START, at=NOW, here=HERE, launcher="root", audit_source=AuditSource("2.999.1")
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_follow_the_schema(schema: etree.XMLSchema, name: str) -> None:
    schema.assertValid(parsed(MESSAGES[name]))


def test_the_schema_check_can_fail(schema: etree.XMLSchema) -> None:
    message = audit_message(facts()).replace('EventOutcomeIndicator="0"', 'EventOutcomeIndicator="5"')
    assert not schema.validate(etree.fromstring(message))


WILD = st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(WILD, WILD, WILD, WILD, st.binary(max_size=40))
def test_any_text_gives_a_valid_message(
    schema: etree.XMLSchema, one: str, two: str, three: str, four: str, query: bytes
) -> None:
    told = facts(
        source=Participant(one, two, three),
        human=Human(four, one, (Code(two, three, four),)),
        description=two,
        purpose=Code(three, four, one),
        audit_source=AuditSource(one, two),
        objects=(
            patient_object(three),
            query_object(
                four, Code(one, two, three), query, encoding=one, home=two, details=((three, four),)
            ),
            document_object(one, two, three),
        ),
        trace_id=four,
    )
    schema.assertValid(parsed(told))


def test_text_comes_back_as_it_went() -> None:
    name = "Zoë <x> & \"y\" 'z' \t\n 漢字 🩺"
    root = parsed(facts(human=Human(name, name), description=name))
    human = root.find("ActiveParticipant")
    assert human is not None
    assert (human.get("UserID"), human.get("UserName")) == (name, name)
    assert root.findtext("EventIdentification/EventOutcomeDescription") == name


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_carry_is_replaced(bad: str) -> None:
    root = parsed(facts(human=Human(f"a{bad}b&", "x")))
    assert root.find("ActiveParticipant").get("UserID") == "a\ufffdb&"


def test_the_event() -> None:
    told = facts(at=NOW.astimezone(timezone(timedelta(hours=2))), outcome=events.Outcome.MINOR_FAILURE)
    event = parsed(told).find("EventIdentification")
    assert dict(event.attrib) == {
        "EventActionCode": "E",
        "EventDateTime": "2026-11-22T10:00:00.123Z",
        "EventOutcomeIndicator": "4",
    }
    codes = [
        (each.tag, each.get("csd-code"), each.get("codeSystemName"), each.get("originalText"))
        for each in event
    ]
    assert codes == [
        ("EventID", "110112", "DCM", "Query"),
        ("EventTypeCode", "ITI-18", "IHE Transactions", "Registry Stored Query"),
        ("PurposeOfUse", "TREAT", "2.16.840.1.113883.5.8", "Treatment"),
    ]


def test_the_participants() -> None:
    human, source, destination = parsed(facts()).findall("ActiveParticipant")
    assert (human.get("UserName"), human.get("UserIsRequestor")) == ("<dr-1@https://idp.example>", "true")
    assert human[0].get("csd-code") == "PHYSICIAN"
    assert human[0].get("originalText") == "PHYSICIAN"
    assert (source.get("UserIsRequestor"), source[0].get("csd-code")) == ("true", "110153")
    assert (source.get("NetworkAccessPointID"), source.get("NetworkAccessPointTypeCode")) == ("10.0.0.7", "2")
    assert source.get("AlternativeUserID") is None
    assert (destination.get("UserIsRequestor"), destination[0].get("csd-code")) == ("false", "110152")
    assert (destination.get("AlternativeUserID"), destination.get("NetworkAccessPointTypeCode")) == (
        "4711",
        "1",
    )


def test_the_objects() -> None:
    patient, query, trace = parsed(facts()).findall("ParticipantObjectIdentification")
    assert patient.get("ParticipantObjectID") == "P<1>&^^^&2.999.3.1&ISO"
    assert (patient.get("ParticipantObjectTypeCode"), patient.get("ParticipantObjectTypeCodeRole")) == (
        "1",
        "1",
    )
    assert b64decode(query.findtext("ParticipantObjectQuery")) == b"<AdhocQueryRequest/>"
    assert (query[0].get("csd-code"), details(query)) == ("ITI-18", {"QueryEncoding": "UTF-8"})
    assert (trace.get("ParticipantObjectTypeCode"), trace.get("ParticipantObjectTypeCodeRole")) == ("4", "26")
    assert trace.get("ParticipantObjectID") == "0af7651916cd43dd8448eb211c80319c"


def test_the_source_of_the_record() -> None:
    source = parsed(facts()).find("AuditSourceIdentification")
    assert dict(source.attrib) == {"AuditEnterpriseSiteID": "2.999.2", "AuditSourceID": "2.999.1"}
    assert source[0].get("csd-code") == "4"


def test_aud_08_many_objects_are_cut_with_a_hash_of_the_rest() -> None:
    patients = tuple(patient_object(f"P-{n}") for n in range(5000))
    root = parsed(facts(objects=patients, trace_id=None))
    found = root.findall("ParticipantObjectIdentification")
    assert len(found) == OBJECT_LIMIT + 1
    rest = "".join(f"P-{n}\n" for n in range(OBJECT_LIMIT, 5000)).encode()
    assert details(found[-1]) == {
        "LeftOutSHA256": sha256(rest).hexdigest(),
        "LeftOutCount": str(5000 - OBJECT_LIMIT),
    }


def test_aud_08_a_long_value_is_cut_with_a_hash_of_the_whole(schema: etree.XMLSchema) -> None:
    long = "ä" * 1_000_000
    root = parsed(
        facts(human=Human(long, "x", (Code("R", "S"),) * 5000), objects=(document_object("d", long),))
    )
    schema.assertValid(root)
    human = root.find("ActiveParticipant")
    digest = sha256(long.encode()).hexdigest()
    for value in (human.get("UserID"), details(root)["Repository Unique ID"]):
        assert len(value) <= TEXT_LIMIT
        assert value.endswith(f"…sha256:{digest}")
    assert len(human) <= 16
    assert len(audit_message(facts(human=Human(long, long)))) < 20_000


def test_a_value_at_the_limit_is_whole() -> None:
    just = "a" * TEXT_LIMIT
    assert parsed(facts(human=Human(just, "x"))).find("ActiveParticipant").get("UserID") == just


def test_a_time_without_zone_is_a_defect() -> None:
    with pytest.raises(Defect):
        audit_message(facts(at=datetime(2026, 11, 22)))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    ("network", "kind"),
    [("10.0.0.1", "2"), ("::1", "2"), ("2001:db8::7", "2"), ("gateway.example", "1"), ("1and1.example", "1")],
)
def test_kinds_of_network_access_points(network: str, kind: str) -> None:
    assert network_type(network) == kind


def test_the_human_requestor_of_a_principal() -> None:
    who = Principal(
        kind=SubjectKind.PROFESSIONAL,
        subject="dr-1",
        name="Dr One",
        issuer="https://idp.example",
        alias="JD",
        role=Code("PHYSICIAN", "2.999.1.1"),
        organisation=None,
        purpose=None,
        confirmation="bearer",
        token_id=None,
        token_digest=None,
        expires=None,
    )
    assert human_of(who) == Human("dr-1", "JD<dr-1@https://idp.example>", (Code("PHYSICIAN", "2.999.1.1"),))
    assert human_of(replace(who, role=None)).roles == ()
