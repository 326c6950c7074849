"""The limits on messages, each with a message just below (accepted) and just above (refused) it.

A limit is set to what a valid message has, then to one less: the message itself stays the same.
"""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from gateway.config import Limits


def depth_of(element: etree._Element) -> int:
    return 1 + max((depth_of(child) for child in element), default=0)


def elements_of(body: bytes) -> int:
    return sum(1 for _ in etree.fromstring(body).iter())


MEASURES = {
    "xml_bytes": len,
    "xml_depth": lambda body: depth_of(etree.fromstring(body)),
    "xml_attributes": lambda body: max(len(each.attrib) for each in etree.fromstring(body).iter()),
    "xml_elements": elements_of,
    "xml_namespaces": lambda body: body.count(b"xmlns"),
}


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "xml_elements"])
def test_xml_limits(forge: Any, words: Any, name: str) -> None:
    raw = forge.query()
    most = MEASURES[name](raw.body)
    with forge.limited(**{name: most - 1}) as tight:
        expected = words.bare(413) if name == "xml_bytes" else words.sender()
        tight.refused(raw, expected, words.abuse)
    with forge.limited(**{name: most}) as enough:
        enough.accepted(raw)


def test_xml_elements(forge: Any, words: Any) -> None:
    """Counted where so many could stand at all: four octets each."""
    small = b"<u:n xmlns:u='urn:u'>" + b"<a/>" * 2_000 + b"</u:n>"
    raw = forge.changed(forge.query(), b"<e:Header>", b"<e:Header>" + small)
    most = elements_of(raw.body)
    with forge.limited(xml_elements=most - 1) as tight:
        tight.refused(raw, words.sender(), words.abuse)
    with forge.limited(xml_elements=most) as enough:
        enough.accepted(raw)


def test_xml_bytes_of_the_root_part(forge: Any, words: Any) -> None:
    """The envelope of a package is bounded as XML, whatever else is in it."""
    raw = forge.provide()
    begin, end = raw.body.index(b"<e:Envelope"), raw.body.index(b"</e:Envelope>") + len(b"</e:Envelope>")
    with forge.limited(xml_bytes=end - begin - 1) as tight:
        tight.refused(raw, words.bare(413), words.abuse)
    with forge.limited(xml_bytes=end - begin) as enough:
        enough.accepted(raw)


def coded(words: Any, forge: Any, values: int) -> Any:
    codes = "\n".join(f"('{number}^^2.999.1')" for number in range(values - 1))
    patient = forge.acting.full_id(words.PATIENT)
    return forge.query(
        body=forge.asked(
            words.FIND,
            ("$XDSDocumentEntryPatientId", f"'{patient}'"),
            ("$XDSDocumentEntryStatus", f"('{words.APPROVED}')"),
            ("$XDSDocumentEntryClassCode", f"{codes}\n('18842-5^^2.16.840.1.113883.6.1')"),
        )
    )


def test_query_values(forge: Any, words: Any) -> None:
    most = forge.house.settings.limits.query_values
    assert most == 500
    forge.accepted(coded(words, forge, most))
    found = forge.send(coded(words, forge, most + 1))
    assert found.response == "Failure"
    assert set(found.codes) == {"XDSRegistryError"}
    assert found.kinds == [words.query(4)]


@pytest.mark.parametrize(
    ("name", "returned"), [("query_objects", "LeafClass"), ("query_references", "ObjectRef")]
)
def test_query_results(forge: Any, words: Any, name: str, returned: str) -> None:
    for number in (1, 2):
        forge.accepted(forge.provide(words.document(forge.house, f"2.25.31{number}")))
    patient = forge.acting.full_id(words.PATIENT)
    body = forge.asked(
        words.FIND,
        ("$XDSDocumentEntryPatientId", f"'{patient}'"),
        ("$XDSDocumentEntryStatus", f"('{words.APPROVED}')"),
        returned=returned,
    )
    with forge.limited(**{name: 3}) as enough:
        found = enough.send(enough.query(body=body), unchanged=False, secret=False)
        assert found.response == "Success"
        assert found.body.count(b"urn:uuid:") >= 3
    with forge.limited(**{name: 2}) as tight:
        tight.failed(tight.query(body=body), "XDSTooManyResults", words.query(4))


PHONES = "~".join(f"+35262100000{number}" for number in range(6))
TEXT = "^".join(str(number) for number in range(12))


def feed(forge: Any, words: Any, patient: str) -> Any:
    """An A01 with 4 segments, 6 repetitions in PID-13 and 12 components in PID-11."""
    raw = words.hl7(forge.house, "A01", patient)
    body = raw.body.replace(b"|19700101|F\r", f"|19700101|F|||{TEXT}||{PHONES}\r".encode())
    assert body != raw.body
    return type(raw)(body=body, target="mllp", peer_certificate=raw.peer_certificate, peer_host=raw.peer_host)


@pytest.mark.parametrize(
    ("name", "most"), [("mllp_segments", 4), ("mllp_repetitions", 6), ("mllp_components", 12)]
)
def test_hl7v2_counts(forge: Any, words: Any, name: str, most: int) -> None:
    with forge.limited(**{name: most - 1}) as tight:
        found = tight.send(feed(tight, words, "FRESH-1"), "hl7v2")
        assert b"\rMSA|A" in found.body
        assert b"\rMSA|AA" not in found.body
        assert found.kinds == [words.abuse]
    with forge.limited(**{name: most}) as enough:
        found = enough.send(feed(enough, words, "FRESH-2"), "hl7v2", unchanged=False)
        assert b"\rMSA|AA" in found.body
        assert [each.outcome for each in found.audit] == [0]


def test_search_limits_of_fhir(forge: Any, words: Any) -> None:
    root = forge.house.settings.domain.affinity_oid
    patient = f"patient.identifier=urn:oid:{root}|{words.PATIENT}&status=current"
    raw = words.fhir(forge.house, "/DocumentReference", patient)
    with forge.limited(search_parameters=1) as tight:
        assert tight.send(raw, "fhir").status == 400
    with forge.limited(search_parameters=2) as enough:
        assert enough.send(raw, "fhir", secret=False).status == 200
    with forge.limited(url_bytes=len(raw.target) - 1) as tight:
        assert tight.send(raw, "fhir").status == 414


def test_the_published_defaults() -> None:
    limits = Limits()
    assert (limits.xml_bytes, limits.xml_depth, limits.xml_attributes) == (16 << 20, 128, 256)
    assert (limits.xml_elements, limits.xml_namespaces) == (500_000, 1_000)
    assert (limits.mtom_bytes, limits.document_bytes) == (1_536 << 20, 1 << 30)
    assert (limits.mtom_parts, limits.part_header_bytes) == (500, 8 << 10)
    assert (limits.query_values, limits.query_objects, limits.query_references) == (500, 1_000, 10_000)
    assert (limits.mllp_frame_bytes, limits.mllp_segments) == (4 << 20, 2_000)
    assert (limits.mllp_repetitions, limits.mllp_components) == (200, 100)
    assert (limits.request_line_bytes, limits.header_block_bytes, limits.header_count) == (
        8 << 10,
        32 << 10,
        100,
    )
