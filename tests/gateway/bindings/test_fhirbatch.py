"""In a batch a bad resource spoils no other; everything else is checked as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.bindings import fhirbatch, fhirxml
from gateway.errors import GatewayError, SchemaInvalid
from tests.feeding import audit_event, batch

BAD = audit_event(recorded="yesterday")


def test_bad_entries_are_told_by_their_place() -> None:
    assert fhirbatch.check(batch(audit_event(), audit_event())) == {}
    broken = fhirbatch.check(batch(audit_event(), BAD, "no resource", audit_event()))
    assert sorted(broken) == [1, 2]
    assert broken[1].location == "AuditEvent.recorded"


@pytest.mark.parametrize(
    "bundle",
    [
        batch(audit_event(), BAD, kind="transaction"),
        {**batch(audit_event()), "total": "one"},
        {**batch(audit_event()), "entry": ["no entry"]},
        {**batch(audit_event()), "resourceType": "Patient"},
        [batch(audit_event())],
        BAD,
    ],
)
def test_all_else_is_refused_whole(bundle: Any) -> None:
    with pytest.raises(SchemaInvalid):
        fhirbatch.check(bundle)


def test_xml_is_told_apart_entry_by_entry() -> None:
    good = fhirxml.write(batch(*map(audit_event, range(3))))
    assert fhirbatch.read_xml(good, size=2**20, depth=32) == (batch(*map(audit_event, range(3))), {})
    bad = good.replace(b'<recorded value="2026-11-20T10:00:01.000Z"/>', b"<when/>")
    resource, broken = fhirbatch.read_xml(bad, size=2**20, depth=32)
    assert list(broken) == [1]
    assert [each.get("resource") for each in resource["entry"]] == [audit_event(0), None, audit_event(2)]
    worse = good.replace(b'<type value="batch"/>', b'<type value="batch"/><when/>')
    whole = bad.replace(b'value="batch"', b'value="transaction"')
    for each in (worse, whole, b"<Bundle", b"<a/>"):
        with pytest.raises(GatewayError):
            fhirbatch.read_xml(each, size=2**20, depth=32)
