"""Participant objects as the table of ITI TF-2 wants them."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

import pytest

from gateway.audit.objects import (
    QUERY_LIMIT,
    AuditObject,
    alert_subject_object,
    decision_object,
    document_object,
    patient_object,
    query_object,
    submission_set_object,
)
from gateway.declare.events import transaction_type
from gateway.record.people import PatientId

ITI18 = transaction_type("ITI-18", "Registry Stored Query")


def shape(each: AuditObject) -> tuple[str, str, str, str]:
    return each.type_code, each.role, each.id_type.code, each.id_type.scheme


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (patient_object(PatientId("1", "2.999")), ("1", "1", "2", "RFC-3881")),
        (
            submission_set_object("2.999.8"),
            ("2", "20", "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", "IHE XDS Metadata"),
        ),
        (document_object("2.999.9", "2.999.6"), ("2", "3", "9", "RFC-3881")),
        (query_object("q", ITI18, b""), ("2", "24", "ITI-18", "IHE Transactions")),
        (decision_object("CONSENT", "P3", "1+0"), ("2", "13", "110147", "DCM")),
        (alert_subject_object("10.0.0.1", "why"), ("2", "13", "110182", "DCM")),
    ],
)
def test_codes(each: AuditObject, expected: tuple[str, str, str, str]) -> None:
    assert shape(each) == expected


def test_identifiers_and_details() -> None:
    assert patient_object(PatientId("1", "2.999")).identifier == "1^^^&2.999&ISO"
    assert patient_object("x", (("MSH-10", "7"),)).details == (("MSH-10", "7"),)
    assert document_object("d", "2.999.6", "urn:oid:2.999.4").details == (
        ("Repository Unique ID", "2.999.6"),
        ("ihe:homeCommunityID", "urn:oid:2.999.4"),
    )
    assert document_object("d", None).details == ()
    assert submission_set_object("s", "urn:oid:2.999.4").details == (
        ("urn:ihe:iti:xca:2010:homeCommunityId", "urn:oid:2.999.4"),
    )
    assert query_object("q", ITI18, b"", home="urn:oid:2.999.4").details == (
        ("QueryEncoding", "UTF-8"),
        ("urn:ihe:iti:xca:2010:homeCommunityId", "urn:oid:2.999.4"),
    )


def test_aud_08_a_query_is_kept_up_to_the_limit() -> None:
    just = query_object("q", ITI18, b"x" * QUERY_LIMIT)
    assert just.query is not None
    assert b64decode(just.query) == b"x" * QUERY_LIMIT


def test_aud_08_a_longer_query_leaves_its_hash_and_size() -> None:
    text = b"x" * 10_000_000
    long = query_object("q", ITI18, text)
    assert long.query is None
    assert dict(long.details) == {
        "QueryEncoding": "UTF-8",
        "QuerySHA256": sha256(text).hexdigest(),
        "QuerySize": "10000000",
    }
