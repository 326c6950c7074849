"""What is written is canonical, and what is repeated of a request says the same without its prefixes."""

import pytest
from lxml import etree

from gateway.record.people import PatientId
from profiles.pixv3.wire.text import coded, echo, ii, null, patient_ii, texted, valued

XSI = "http://www.w3.org/2001/XMLSchema-instance"


@pytest.mark.parametrize(
    "written",
    [
        ii("id", "2.999", 'A&"<', "THE WARD"),
        ii("id", "2.999"),
        patient_ii("id", PatientId("\t1", "2.999")),
        coded("code", "x", "2.999"),
        valued("birthTime", "1980"),
        null("name", "NA"),
        texted("given", "<Anna> & \r"),
    ],
)
def test_elements_are_canonical(written: str) -> None:
    assert etree.tostring(etree.fromstring(written), method="c14n", exclusive=True) == written.encode()


def test_an_empty_text_is_not_written() -> None:
    assert texted("given", "") == ""


ASKED = (
    f'<v:queryByParameter xmlns:v="urn:hl7-org:v3" xmlns:xsi="{XSI}" xsi:schemaLocation="a b"><!-- c -->\n'
    '<v:value z="2" xsi:type="v:INT" a="1&amp;&#10;"/>text &lt;'
    '<o:other xmlns:o="urn:o" o:x="1" y="2"><o:in/></o:other></v:queryByParameter>'
)


def test_an_echo_is_canonical_and_has_no_prefixes() -> None:
    around = f'<answer xmlns="urn:hl7-org:v3">{echo(etree.fromstring(ASKED))}</answer>'

    assert etree.tostring(etree.fromstring(around), method="c14n", exclusive=True) == around.encode()
    assert "v:" not in around
    assert "schemaLocation" not in around


def test_an_echo_says_the_same() -> None:
    asked = etree.fromstring(ASKED)
    answered = etree.fromstring(f'<answer xmlns="urn:hl7-org:v3">{echo(asked)}</answer>')[0]

    assert [each.tag for each in answered.iter()] == [each.tag for each in asked.iter(etree.Element)]
    value = answered[0]
    assert dict(value.attrib) == {"a": "1&\n", "z": "2", f"{{{XSI}}}type": "INT"}
    assert value.tail == "text <"
    assert dict(answered[1].attrib) == {"y": "2"}
