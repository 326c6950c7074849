"""gateway.schemas: published schemas are found, loaded once, and refuse without repeating what was sent."""

import pytest
from lxml import etree

from gateway import schemas
from gateway.errors import Defect, SchemaInvalid

QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"
LONG = "x" * 257
XS = "{http://www.w3.org/2001/XMLSchema}"


def query(option: str = '<q:ResponseOption returnType="LeafClass"/>', slots: str = "") -> etree._Element:
    return etree.fromstring(
        f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns:r="{RIM}">\n{option}\n'
        f'<r:AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">{slots}</r:AdhocQuery>\n'
        "</q:AdhocQueryRequest>"
    )


def provide(document: str) -> etree._Element:
    return etree.fromstring(
        f'<x:ProvideAndRegisterDocumentSetRequest xmlns:x="{XDSB}" xmlns:xop="{XOP}">'
        f'<SubmitObjectsRequest xmlns="{LCM}"><RegistryObjectList xmlns="{RIM}"/></SubmitObjectsRequest>'
        f"{document}</x:ProvideAndRegisterDocumentSetRequest>"
    )


def refusal(name: str, element: etree._Element) -> SchemaInvalid:
    with pytest.raises(SchemaInvalid) as caught:
        schemas.validate(name, element)
    return caught.value


@pytest.mark.parametrize("name", ["rim", "rs", "lcm", "query", "xdsb", "rmd", "xml"])
def test_each_published_schema_loads_once(name: str) -> None:
    assert schemas.schema(name) is schemas.schema(name)


def test_an_unpublished_schema_is_a_defect() -> None:
    with pytest.raises(Defect, match="no schema is published under the name nowhere"):
        schemas.schema("nowhere")


def test_a_body_inside_its_envelope_is_validated_where_it_stands_and_left_as_it_is() -> None:
    envelope = etree.fromstring(b"<e><other/></e>")
    envelope.append(query())
    before = etree.tostring(envelope)

    schemas.validate("query", envelope[1])

    assert etree.tostring(envelope) == before


@pytest.mark.parametrize(
    ("element", "location", "text"),
    [
        (
            query(option=""),
            "AdhocQuery",
            "AdhocQuery in line 3 .*: it is not allowed here; expected RequestSlotList",
        ),
        (
            query(slots='<r:Slot name="n"/>'),
            "Slot",
            "Slot in line 3 .*: it is incomplete; expected ValueList",
        ),
        (query(slots="<r:Slot><r:ValueList/></r:Slot>"), "Slot", "attribute name is missing"),
        (
            query(option='<q:ResponseOption returnType="Doe"/>'),
            "ResponseOption",
            "attribute returnType of ResponseOption in line 2 .*: the value is not one of those allowed",
        ),
        (
            query(option='<q:ResponseOption doe="x"/>'),
            "ResponseOption",
            "attribute doe of .* not allowed here",
        ),
        (query(option="<q:ResponseOption>Doe</q:ResponseOption>"), "ResponseOption", "it must be empty"),
        (query(slots="Doe"), "AdhocQuery", "text stands between its elements"),
        (etree.fromstring(f'<r:Slot xmlns:r="{QUERY}"/>'), "Slot", "it is no message of this schema"),
    ],
)
def test_a_refusal_names_element_and_line(element: etree._Element, location: str, text: str) -> None:
    found = refusal("query", element)

    assert found.location == location
    with pytest.raises(SchemaInvalid, match=text):
        raise found


@pytest.mark.parametrize(
    "value",
    ["Doe^Jane", "The attribute 'Doe' is required but missing", "Expected is ( Doe )", "x" * 300 + "Doe"],
)
def test_a_refusal_repeats_no_value(value: str) -> None:
    broken = [
        query(option=f'<q:ResponseOption returnType="{value}"/>'),
        query(option=f'<q:ResponseOption returnComposedObjects="{value}"/>'),
        query(slots=f'<r:Slot name="n"><r:ValueList><r:Value>{value}{LONG}</r:Value></r:ValueList></r:Slot>'),
        query(slots=f'<r:Slot name="{value}{LONG}"><r:ValueList/></r:Slot>'),
    ]

    assert [
        found.detail for found in (refusal("query", each) for each in broken) if "Doe" in found.detail
    ] == []


@pytest.mark.parametrize(
    "document",
    [
        '<x:Document id="a"><xop:Include href="cid:1"/></x:Document>',
        '<x:Document id="a">SGVsbG8=</x:Document>',
        '<x:Document id="a"/>',
        "",
    ],
)
def test_an_include_may_stand_for_base64_text(document: str) -> None:
    assert schemas.validate("xdsb", provide(document)) is None


@pytest.mark.parametrize(
    ("document", "location"),
    [
        ('<x:Document><xop:Include href="cid:1"/></x:Document>', "Document"),
        ('<x:Document id="a"><x:Include href="cid:1"/></x:Document>', "Include"),
        ('<x:Document id="a"><xop:Include href="cid:1"/><xop:Include href="cid:2"/></x:Document>', "Include"),
        ('<xop:Include href="cid:1"/>', "Include"),
    ],
)
def test_an_include_stands_nowhere_else(document: str, location: str) -> None:
    assert refusal("xdsb", provide(document)).location == location


def test_inlined_schemas_need_nothing_else() -> None:
    found = schemas.inlined([XDSB])

    namespaces = [each.get("targetNamespace") for each in found]
    assert namespaces[-1] == XDSB
    assert {RIM, LCM, XDSB} < set(namespaces)
    imports = [one for each in found for one in each.iter(f"{XS}import")]
    assert imports != []
    assert [
        one for one in imports if one.get("schemaLocation") or one.get("namespace") not in namespaces
    ] == []


def test_nothing_is_inlined_for_a_foreign_namespace() -> None:
    with pytest.raises(Defect, match="no schema is published for urn:x"):
        schemas.inlined(["urn:x"])
