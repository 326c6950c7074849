"""gateway.bindings.fhirxml: there and back for every kind of element, and XML that is no resource."""

from typing import Any

import pytest
from lxml import etree

from gateway.bindings.fhirtypes import check, shapes
from gateway.bindings.fhirxml import read, write
from gateway.errors import Defect, GatewayError, Malformed, SchemaInvalid, TooComplex, TooLarge

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">A <b>person</b> &amp; more</div>'
FULL: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p-1",
    "meta": {"profile": ["http://example.org/p"], "lastUpdated": "2026-01-01T00:00:00Z"},
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "O & <O>"}],
    "extension": [
        {
            "id": "e",
            "url": "http://example.org/x",
            "extension": [
                {"url": "a", "valueDecimal": 1.25},
                {"url": "b", "valueAddress": {"city": "Luxembourg"}},
                {"url": "c", "valueInteger": -3},
            ],
        }
    ],
    "identifier": [{"id": "i", "system": "urn:oid:2.999.1", "value": "7", "assigner": {"display": "A"}}],
    "active": True,
    "name": [
        {
            "family": 'Tést "1" \U0001f600',
            "given": ["A", None, "C"],
            "_given": [None, {"id": "g", "extension": [{"url": "u", "valueCode": "unknown"}]}, None],
        },
        {"_family": {"extension": [{"url": "u", "valueCode": "unknown"}]}},
    ],
    "birthDate": "1970-01-02",
    "_birthDate": {"extension": [{"url": "t", "valueDateTime": "1970-01-02T03:04:05+01:00"}]},
    "multipleBirthInteger": 2,
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
}
PARAMETERS: dict[str, Any] = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "resource", "resource": FULL},
        {"name": "nested", "part": [{"name": "x", "valueBoolean": False}]},
    ],
}
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 0,
    "link": [{"relation": "self", "url": "https://x/fhir?a=1&b=2"}],
    "entry": [{"resource": {"resourceType": "Parameters"}, "search": {"mode": "match", "score": 0.9876}}],
}


@pytest.mark.parametrize("resource", [FULL, PARAMETERS, BUNDLE], ids=lambda each: each["resourceType"])
def test_there_and_back(resource: dict[str, Any]) -> None:
    check(resource)
    assert read(write(resource), size=100_000, depth=64) == resource


def test_elements_stand_in_the_order_of_the_standard() -> None:
    turned = dict(reversed(list(FULL.items())))
    assert write(turned) == write(FULL)
    names = [etree.QName(each).localname for each in etree.fromstring(write(FULL))]
    order = list(shapes()["Patient"].elements)
    assert names == sorted(names, key=order.index)


def test_ids_of_resources_are_elements_and_others_attributes() -> None:
    root = etree.fromstring(write(FULL))
    namespace = {"f": "http://hl7.org/fhir"}
    assert root.xpath("string(f:id/@value)", namespaces=namespace) == "p-1"
    assert root.xpath("string(f:identifier/@id)", namespaces=namespace) == "i"
    assert root.xpath("string(f:extension/@url)", namespaces=namespace) == "http://example.org/x"
    assert root.xpath("string(f:name/f:given[2]/@value)", namespaces=namespace) == ""


def test_what_xml_cannot_hold_is_shown_as_unknown() -> None:
    written = write({"resourceType": "Patient", "name": [{"family": "a\x01b\ud800"}]})
    assert "a\ufffdb\ufffd" in written.decode()


@pytest.mark.parametrize("resource", [{}, {"resourceType": "Thing"}, {"resourceType": "Patient", "x": 1}])
def test_only_what_the_table_has_is_written(resource: dict[str, Any]) -> None:
    with pytest.raises(Defect):
        write(resource)


def of_patient(inside: str, attributes: str = "") -> bytes:
    return f'<Patient xmlns="http://hl7.org/fhir"{attributes}>{inside}</Patient>'.encode()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<Patient/>", SchemaInvalid),
        (b'<Thing xmlns="http://hl7.org/fhir"/>', SchemaInvalid),
        (b'<HumanName xmlns="http://hl7.org/fhir"/>', SchemaInvalid),
        (of_patient("<surname value='x'/>"), SchemaInvalid),
        (of_patient("<active value='true'/><active value='true'/>"), SchemaInvalid),
        (of_patient("<active/>"), SchemaInvalid),
        (of_patient("<active value='TRUE'/>"), SchemaInvalid),
        (of_patient("<active value='true'>x</active>"), SchemaInvalid),
        (of_patient("<active value='true' other='x'/>"), SchemaInvalid),
        (of_patient("<active value='true'><id value='x'/></active>"), SchemaInvalid),
        (of_patient("<multipleBirthInteger value='1.0'/>"), SchemaInvalid),
        (of_patient("<multipleBirthInteger value='01'/>"), SchemaInvalid),
        (of_patient("text"), SchemaInvalid),
        (of_patient("<name>text<family value='x'/></name>"), SchemaInvalid),
        (of_patient("<name url='x'/>"), SchemaInvalid),
        (of_patient("<extension><url value='x'/></extension>"), SchemaInvalid),
        (of_patient("<contained/>"), SchemaInvalid),
        (of_patient("<contained><Organization/><Organization/></contained>"), SchemaInvalid),
        (of_patient("<contained><HumanName/></contained>"), SchemaInvalid),
        (of_patient("", " id='x'"), SchemaInvalid),
        (of_patient("<active xmlns='http://other' value='true'/>"), SchemaInvalid),
        (of_patient("<div xmlns='http://www.w3.org/1999/xhtml'/>"), SchemaInvalid),
        (b"<!DOCTYPE Patient>" + of_patient(""), Malformed),
        (b'<!DOCTYPE x [<!ENTITY e "x">]>' + of_patient("<name><family value='&e;'/></name>"), Malformed),
        (of_patient("<?php x?>"), Malformed),
        (of_patient("<name>"), Malformed),
        (of_patient("<extension url='x'>" * 70 + "</extension>" * 70), TooComplex),
        (of_patient("<language value='" + "x" * 10_000 + "'/>"), TooLarge),
    ],
)
def test_xml_that_is_no_resource(data: bytes, error: type[GatewayError]) -> None:
    with pytest.raises(error) as refused:
        read(data, size=10_000, depth=64)
    assert type(refused.value) is error


def test_comments_and_a_schema_location_mean_nothing() -> None:
    location = (
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://hl7.org/fhir patient.xsd"'
    )
    found = read(of_patient("<!-- x --><active value='true'/>", location), size=10_000, depth=64)
    assert found == {"resourceType": "Patient", "active": True}
