import time
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import XmlLimits, instant_of, parse, text_of
from gateway.errors import GatewayError, Malformed, TooComplex, TooLarge

BIG = XmlLimits(size=64 * 1024 * 1024)


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def wide(attributes: int) -> bytes:
    return b"<a " + b" ".join(b'a%d=""' % n for n in range(attributes)) + b"/>"


def declaring(namespaces: int) -> bytes:
    return b"<a>" + b"".join(b'<b xmlns="urn:%d"/>' % n for n in range(namespaces)) + b"</a>"


def refused(data: bytes, kind: type[GatewayError] = Malformed, **options: Any) -> GatewayError:
    start = time.perf_counter()
    with pytest.raises(kind) as caught:
        parse(data, **options)
    assert time.perf_counter() - start < 1
    return caught.value


# --- document type declarations ------------------------------------------------------------------


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
    ],
)
def test_xml_01_external_entity(doctype: bytes) -> None:
    assert "root:" not in refused(doctype + b"<a>&x;</a>").detail


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
        b'<!DOCTYPE a PUBLIC "-//X" "file:///a.dtd">',
    ],
)
def test_xml_02_parameter_entity_and_external_subset(doctype: bytes) -> None:
    assert refused(doctype + b"<a/>").detail


@pytest.mark.parametrize(
    "prolog",
    [b"<!DOCTYPE a>", b"<!-- c --><!DOCTYPE a>", b'<?xml version="1.0"?>\n<!--c-->\n <!DOCTYPE a>'],
)
def test_xml_03_harmless_doctype(prolog: bytes) -> None:
    assert "document type" in refused(prolog + b"<a/>").detail


def test_xml_03_doctype_in_utf_16() -> None:
    refused('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"))


def test_xml_04_billion_laughs() -> None:
    entities = b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 11))
    refused(b'<!DOCTYPE a [<!ENTITY l0 "lol">' + entities + b"]><a>&l10;</a>")


def test_xml_05_quadratic_blow_up() -> None:
    refused(b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 50_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>")


def test_an_undeclared_entity() -> None:
    refused(b"<a>&x;</a>")


# --- shape ---------------------------------------------------------------------------------------


def test_depth_just_below_and_just_above() -> None:
    assert parse(nested(128)).tag == "a"
    refused(nested(129), TooComplex)


def test_xml_06_depth_in_the_body() -> None:
    body = b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>%b</e:Body></e:Envelope>'
    assert len(parse(body % nested(126))) == 1
    refused(body % nested(127), TooComplex)
    refused(body % nested(129), TooComplex)
    refused(body % nested(100_000), TooComplex)


def test_xml_07_depth_in_a_header_that_nobody_reads() -> None:
    message = b'<e:Envelope xmlns:e="urn:e"><e:Header><h>%b</h></e:Header><e:Body/></e:Envelope>'
    refused(message % nested(120_000), TooComplex)


def test_attributes_just_below_and_just_above() -> None:
    assert len(parse(wide(256)).attrib) == 256
    refused(wide(257), TooComplex)
    refused(b"<r>" + wide(1) * 10 + wide(257) + b"</r>", TooComplex)


def test_namespaces_just_below_and_just_above() -> None:
    assert len(parse(declaring(1000))) == 1000
    refused(declaring(1001), TooComplex)


def test_elements_just_below_and_just_above() -> None:
    assert len(parse(b'<?xml version="1.0"?><a>' + b"<b/>" * 499_999 + b"</a>")) == 499_999
    refused(b"<a>" + b"<b/>" * 500_000 + b"</a>", TooComplex)
    assert len(parse(b"<a>" + b"<b></b>" * 499_999 + b"</a>")) == 499_999


def test_size_just_below_and_just_above() -> None:
    limits = XmlLimits(size=1000)
    assert parse(b"<a>" + b"x" * 993 + b"</a>", limits).tag == "a"
    refused(b"<a>" + b"x" * 994 + b"</a>", TooLarge, limits=limits)


def test_default_size_is_16_mebibyte() -> None:
    text = b"<b>" + b"x" * (8 * 1024 * 1024 - 20) + b"</b>"
    whole = b"<a>" + text * 2
    whole += b"x" * (16 * 1024 * 1024 - len(whole) - 4) + b"</a>"
    assert len(parse(whole)) == 2
    refused(whole + b" ", TooLarge)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<a " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>", TooComplex),
        (b"<a " + b" ".join(b'xmlns:a%d="urn:a"' % n for n in range(20_000)) + b"/>", TooComplex),
        (b"<a>" + b"<b/>" * 4_000_000 + b"</a>", TooComplex),
    ],
)
def test_xml_08_width(data: bytes, kind: type[GatewayError]) -> None:
    refused(data, kind, limits=BIG)


def test_a_text_of_more_than_10_megabytes_is_too_large() -> None:
    refused(b"<a>" + b"x" * 10_000_001 + b"</a>", TooLarge)
    refused(b'<a b="' + b"x" * 10_000_001 + b'"/>', TooLarge)


# --- encoding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="UTF-8"?><a>\xff</a>',
        b'<?xml version="1.0" encoding="UTF-8"?><a>\xc3</a>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        b"<a>\x00</a>",
        b"<a>\x01</a>",
        b"<a>&#1;</a>",
        b"<a>&#0;</a>",
        b'<?xml version="1.1"?><a>&#1;</a>',
        b'<?xml version="1.1"?><a/>',
        "<a>\ud800</a>".encode("utf-16", "surrogatepass"),
        "<a>x</a>".encode("utf-16-le"),
        "<a>x</a>".encode("utf-32"),
        b"\x4c\x6f\xa7\x94",
        b"",
        b"   ",
        b"text",
    ],
)
def test_xml_09_encoding_and_characters(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"<a/>", None),
        (b"<a/>", "UTF-8"),
        (b"<a/>", '"utf-8"'),
        (b'<?xml version="1.0" encoding="utf-8"?><a/>', "utf-8"),
        (b"<?xml version='1.0' encoding='utf-8' standalone='yes' ?><a/>", None),
        (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "utf-8"),
        ("<a/>".encode("utf-16"), "utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"), None),
    ],
)
def test_encodings_that_agree(data: bytes, charset: str | None) -> None:
    assert parse(data, charset=charset).tag == "a"


def test_utf_16_is_read() -> None:
    assert parse('<?xml version="1.0" encoding="UTF-16"?><a>é€</a>'.encode("utf-16")).text == "é€"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?><a/>', "iso-8859-1"),
        (b'<?xml version="1.0" encoding="UTF-8"?><a/>', "utf-16"),
        (b"<a/>", "us-ascii"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', "utf-8"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', "iso-8859-1"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-16"?><a/>', None),
        ("<a/>".encode("utf-16"), "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?><a/>'.encode("utf-16"), None),
    ],
)
def test_xml_10_charset_declaration_and_mark_contradict(data: bytes, charset: str | None) -> None:
    refused(data, charset=charset)


# --- what stays out, what stays in ---------------------------------------------------------------


def test_xml_11_xinclude_is_not_processed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    include = (
        f'<a><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{tmp_path}/secret" parse="text"/></a>'
    )
    root = parse(include.encode())
    assert "secret<" not in etree.tostring(root).decode()
    assert root[0].tag == "{http://www.w3.org/2001/XInclude}include"


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml-stylesheet href="x"?><a/>',
        b'<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>',
        b"<!--c--><?p?><a/>",
        b"<a><b><?p q?></b></a>",
        b"<a/><?p?>",
        b"<a/><!--c--><?p?>",
    ],
)
def test_xml_12_processing_instructions(data: bytes) -> None:
    assert "processing instruction" in refused(data).detail


def test_text_that_looks_like_markup_is_no_markup() -> None:
    assert parse(b"<a><![CDATA[<?p?><!DOCTYPE x>]]></a>").text == "<?p?><!DOCTYPE x>"
    assert len(parse(b"<a><!-- <?p?> --></a>")) == 1


@pytest.mark.parametrize(
    "data", [b"<a>", b"<a></b>", b"<a/><a/>", b"<x:a/>", b'<a b="" b=""/>', b"<!-- <a/>"]
)
def test_not_well_formed(data: bytes) -> None:
    error = refused(data)
    assert "libxml" not in error.detail


def test_a_long_prolog_is_read_in_linear_time() -> None:
    refused(b"<!---->" * 100_000 + b"x")
    refused(b"<!-- " * 100_000)
    refused(b"<!---->" * 100_000 + b"<!DOCTYPE a><a/>")


def test_comments_stay_and_do_not_fool_a_reader() -> None:
    root = parse(b"<a>bob<!-- x -->@evil</a>")
    with pytest.raises(Malformed):
        text_of(root)
    with pytest.raises(Malformed):
        text_of(parse(b"<a>x<b/></a>"))
    assert text_of(parse(b"<a> x </a>")) == " x "
    assert text_of(parse(b"<a/>")) == ""


def test_refusals_are_of_one_family() -> None:
    with pytest.raises(GatewayError):
        parse(b"<a")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05",
        "2026-01-02",
        "20260102T030405Z",
        "2026-01-02 03:04:05Z",
        "",
        "x",
        "2026-13-02T03:04:05Z",
    ],
)
def test_instants_need_a_zone(text: Any) -> None:
    assert instant_of(text) is None


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", " 2026-01-02T04:04:05.000+01:00 "])
def test_instants(text: Any) -> None:
    assert instant_of(text).isoformat(timespec="seconds") in {
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T04:04:05+01:00",
    }
