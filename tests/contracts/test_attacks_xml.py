"""XML-01 to XML-15 through the whole pipeline, in SOAP messages of a partner that signs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def headed(raw: Any, prolog: bytes, old: bytes = b"", new: bytes = b"") -> Any:
    """The message behind a prolog."""
    assert old in raw.body
    return replace(raw, body=prolog + raw.body.replace(old, new, 1))


def typed(raw: Any, charset: str) -> Any:
    kind = raw.headers["content-type"].replace("charset=UTF-8; ", charset)
    return replace(raw, headers={"content-type": kind})


DTDS = {
    "01-file": b'<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    "01-http": b'<!DOCTYPE e [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
    "02-parameter": b'<!DOCTYPE e [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>',
    "02-subset": b'<!DOCTYPE e SYSTEM "http://127.0.0.1:9/x.dtd">',
    "03-harmless": b"<!DOCTYPE Envelope>",
    "03-after-declaration": b'<?xml version="1.0"?><!DOCTYPE Envelope>',
    "04-laughs": b"<!DOCTYPE e [<!ENTITY a0 'ha'>"
    + b"".join(b"<!ENTITY a%d '%b'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 11))
    + b"]>",
    "05-quadratic": b"<!DOCTYPE e [<!ENTITY x '" + b"x" * 50_000 + b"'>]>",
}


@pytest.mark.parametrize("name", DTDS)
def test_xml_01_to_05_no_document_type(forge: Any, words: Any, name: str) -> None:
    used = {"01": b"&x;", "04": b"&a10;", "05": b"&x;" * 50_000}.get(name[:2], b"")
    raw = headed(forge.query(), DTDS[name], b"</rim:Value>", used + b"</rim:Value>")
    found = forge.refused(raw, words.sender(), words.message)
    assert found.seconds < 0.1


@pytest.mark.parametrize("depth", [129, 100_000])
def test_xml_06_depth_in_the_body(forge: Any, words: Any, depth: int) -> None:
    raw = forge.query(body=b"<a>" * depth + b"</a>" * depth if depth > 1000 else nested(depth))
    forge.refused(raw, words.sender(), words.abuse)


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


@pytest.mark.parametrize("depth", [129, 120_000])
def test_xml_07_depth_in_a_header_that_nobody_reads(forge: Any, words: Any, depth: int) -> None:
    raw = forge.changed(
        forge.query(), b"<e:Header>", b"<e:Header><u:n xmlns:u='urn:u'>" + nested(depth) + b"</u:n>"
    )
    forge.refused(raw, words.sender(), words.abuse)


@pytest.mark.parametrize(
    "wide",
    [
        b"".join(b" a%d=''" % n for n in range(100_000)),
        b"".join(b" a%d=''" % n for n in range(257)),
        b"".join(b" xmlns:n%d='urn:n'" % n for n in range(20_000)),
    ],
    ids=["attributes", "attributes-just-above", "namespaces"],
)
def test_xml_08_width(forge: Any, words: Any, wide: bytes) -> None:
    raw = forge.changed(forge.query(), b"<e:Header>", b"<e:Header><u:n xmlns:u='urn:u'" + wide + b"/>")
    forge.refused(raw, words.sender(), words.abuse)


@pytest.mark.parametrize(
    ("old", "new"),
    {
        "invalid UTF-8": (b"</rim:Value>", b"\xff\xfe</rim:Value>"),
        "overlong": (b"</rim:Value>", b"\xc0\xaf</rim:Value>"),
        "UTF-16 declared": (b"<e:Envelope", b'<?xml version="1.0" encoding="UTF-16"?><e:Envelope'),
        "NUL": (b"</rim:Value>", b"\0</rim:Value>"),
        "XML 1.1 control": (b"<e:Envelope", b'<?xml version="1.1"?><e:Envelope'),
        "control reference": (b"</rim:Value>", b"&#1;</rim:Value>"),
    }.values(),
)
def test_xml_09_encoding_and_characters(forge: Any, words: Any, old: bytes, new: bytes) -> None:
    forge.refused(forge.changed(forge.query(), old, new), words.sender(), words.message)


def test_xml_10_charset_contradicts_the_document(forge: Any, words: Any) -> None:
    raw = forge.query()
    forge.refused(typed(raw, "charset=utf-16; "), words.sender(), words.message)
    forge.refused(typed(raw, "charset=iso-8859-1; "), words.sender(), words.message)
    marked = replace(typed(raw, "charset=utf-8; "), body=raw.body.decode().encode("utf-16"))
    forge.refused(marked, words.sender(), words.message)
    declared = headed(raw, b'<?xml version="1.0" encoding="iso-8859-1"?>')
    forge.refused(declared, words.sender(), words.message)
    assert raw.body.startswith(b"<e:Envelope")
    forge.accepted(typed(raw, "charset=utf-8; "))


def test_xml_11_xinclude_is_unknown_content(forge: Any, words: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("urn:secret:content")

    def include(root: etree._Element) -> None:
        value = next(root.iter(f"{{{words.RIM}}}Value"))
        value.text = None
        etree.SubElement(value, "{http://www.w3.org/2001/XInclude}include", href=str(secret), parse="text")

    found = forge.send(forge.register(include))
    assert found.fault == words.sender() or set(found.codes) == {"XDSRegistryMetadataError"}
    assert found.kinds == [words.registered(4)]
    assert b"urn:secret" not in found.body
    assert "urn:secret" not in found.audit[0].message


@pytest.mark.parametrize(
    ("old", "new"),
    {
        "prolog": (b"<e:Envelope", b'<?xml-stylesheet href="http://127.0.0.1:9/x"?><e:Envelope'),
        "body": (b"<rim:Value>", b"<rim:Value><?x y?>"),
        "behind": (b"</e:Envelope>", b"</e:Envelope><?x y?>"),
    }.values(),
    ids=["prolog", "body", "behind"],
)
def test_xml_12_processing_instructions(forge: Any, words: Any, old: bytes, new: bytes) -> None:
    forge.refused(forge.changed(forge.query(), old, new), words.sender(), words.message)


@pytest.mark.parametrize("attribute", ["wsu:Id='body'", "xml:id='body'", "ID='body'", "wsu:Id='timestamp'"])
def test_xml_13_an_id_twice(forge: Any, words: Any, attribute: str) -> None:
    wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    block = f"<e:Header><u:n xmlns:u='urn:u' xmlns:wsu='{wsu}' {attribute}/>".encode()
    found = forge.send(forge.changed(forge.query(), b"<e:Header>", block))
    assert found.fault in {words.sender(), words.wsse("InvalidSecurity"), words.wsse("FailedCheck")}
    assert found.kinds == [words.message]


def test_xml_13_two_unrelated_ids(forge: Any, words: Any) -> None:
    block = b"<e:Header><u:n xmlns:u='urn:u' ID='x'><u:m ID='x'/></u:n>"
    raw = forge.changed(forge.query(), b"<e:Header>", block)
    forge.refused(raw, words.wsse("InvalidSecurity"), words.message)


@pytest.mark.parametrize(
    "attributes",
    [
        {f"{{{XSI}}}type": "evil:T"},
        {f"{{{XSI}}}type": "rim:IdentifiableType"},
        {f"{{{XSI}}}nil": "true"},
    ],
    ids=["unknown-type", "other-type", "nil"],
)
def test_xml_14_schema_attributes(forge: Any, words: Any, attributes: dict[str, str]) -> None:
    def change(root: etree._Element) -> None:
        next(root.iter(f"{{{words.RIM}}}ExtrinsicObject")).attrib.update(attributes)

    forge.refused(forge.register(change), words.sender(), words.registered(4))


def test_xml_14_schema_location_is_not_followed(forge: Any) -> None:
    def change(root: etree._Element) -> None:
        root.set(f"{{{XSI}}}schemaLocation", "urn:x http://127.0.0.1:9/x.xsd")

    found = forge.send(forge.register(change), unchanged=False)
    assert found.response == "Success"


def test_xml_15_a_soap_11_envelope(forge: Any) -> None:
    soap11 = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x/></s:Body></s:Envelope>'
    )
    for kind in ("text/xml; charset=utf-8", "application/soap+xml"):
        found = forge.send(forge.simple("ITI-18", soap11, kind=kind))
        assert found.status == 500
        assert b"VersionMismatch" in found.body
        assert b"Upgrade" in found.body
        assert b"http://schemas.xmlsoap.org/soap/envelope/" in found.body
        assert [each.outcome for each in found.audit] == [4]
