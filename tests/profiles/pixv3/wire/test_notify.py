"""Update notifications follow the schema and show identifiers only."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from gateway import schemas
from gateway.errors import Defect
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.people import PatientId
from profiles.pixv3.wire.notify import build_update
from profiles.pixv3.wire.wrapper import Device

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DOMAIN = Domain(
    environment="test",
    affinity_root="2.999.1",
    affinity_namespace="XAD",
    home_community="2.999.9",
    repository="2.999.8",
    base_url="https://localhost",
    identities={"2.999.2": IdentityDomain(namespace="HOSPITAL & CO", root="2.999.2")},
)
SENDER, RECEIVER = Device("2.999.10", "2.999.11"), Device("2.999.12")
V = "{urn:hl7-org:v3}"


def built() -> bytes:
    told = [PatientId("A1", "2.999.1"), PatientId('B"2<', "2.999.2")]
    return build_update(told, DOMAIN, sender=SENDER, receiver=RECEIVER, at=AT)


def test_a_notification_follows_the_schema_and_is_canonical() -> None:
    text = built()
    element = etree.fromstring(text)

    schemas.validate("hl7v3", element)
    assert etree.tostring(element, method="c14n", exclusive=True) == text


def test_a_notification_tells_identifiers_and_no_name() -> None:
    patient = etree.fromstring(built()).find(f".//{V}patient")
    assert patient is not None
    told = [(each.get("root"), each.get("extension")) for each in patient.findall(f"{V}id")]

    assert told == [("2.999.1", "A1"), ("2.999.2", 'B"2<')]
    assert [dict(each.attrib) for each in patient.iter(f"{V}name")] == [{"nullFlavor": "NA"}]


def test_nobody_is_told_of_nothing() -> None:
    with pytest.raises(Defect):
        build_update([], DOMAIN, sender=SENDER, receiver=RECEIVER, at=AT)
