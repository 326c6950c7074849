"""MTOM-01 to MTOM-10 through the whole pipeline, with hand-built multipart bytes of a signing partner."""

from __future__ import annotations

import base64
import hashlib
import quopri
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from gateway.declare.bindings import Attachment, Octets

XDSB = "{urn:ihe:iti:xds-b:2007}"
DATA = b"<ClinicalDocument/>"


def slot(root: etree._Element, rim: str, name: str, value: str) -> None:
    entry = next(root.iter(f"{{{rim}}}ExtrinsicObject"))
    found = etree.Element(f"{{{rim}}}Slot", name=name)
    listed = etree.SubElement(found, f"{{{rim}}}ValueList")
    etree.SubElement(listed, f"{{{rim}}}Value").text = value
    entry.insert(0, found)


def test_a_good_package_is_accepted(forge: Any) -> None:
    forge.accepted(forge.provide())


def test_mtom_01_an_include_without_part(forge: Any, words: Any) -> None:
    """Signed as it is: a part that is missing counts as empty in the digest."""
    raw = forge.provide(words.document(forge.house, "2.25.41", data=b""), parts=lambda _: [])
    forge.failed(raw, "XDSMissingDocument", words.provided(8))


def test_mtom_01_a_part_taken_away_after_signing(forge: Any, words: Any) -> None:
    forge.refused(forge.provide(parts=lambda _: []), words.wsse("FailedCheck"), words.message)


def test_mtom_02_a_part_that_belongs_to_nothing(forge: Any, words: Any) -> None:
    def more(attachments: list[Attachment]) -> list[tuple[str, bytes]]:
        stray = Attachment("stray@client", "text/plain", Octets(b"x"))
        return [words.part_of(each) for each in (*attachments, stray)]

    forge.failed(forge.provide(parts=more), "XDSMissingDocumentMetadata", words.provided(8))


def test_mtom_02_a_document_without_entry(forge: Any, words: Any) -> None:
    def more(root: etree._Element) -> None:
        etree.SubElement(root, f"{XDSB}Document", id="Document7").text = "eA=="

    forge.failed(forge.provide(edit=more), "XDSMissingDocumentMetadata", words.provided(8))


def test_mtom_02_an_entry_without_document(forge: Any, words: Any) -> None:
    def less(root: etree._Element) -> None:
        root.remove(root.find(f"{XDSB}Document"))

    raw = forge.provide(edit=less, parts=lambda _: [])
    forge.failed(raw, "XDSMissingDocument", words.provided(8))


def test_mtom_03_two_parts_of_one_name(forge: Any, words: Any) -> None:
    def twice(attachments: list[Attachment]) -> list[tuple[str, bytes]]:
        return [words.part_of(each) for each in attachments * 2]

    def rooted(attachments: list[Attachment]) -> list[tuple[str, bytes]]:
        return [words.part_of(each) for each in attachments] + [("Content-ID: <root>\r\n", b"<x/>")]

    forge.refused(forge.provide(parts=twice), words.sender(), words.message)
    forge.refused(forge.provide(parts=rooted), words.sender(), words.message)


def bounded(forge: Any, boundary: str | None, written: str = "edge") -> Any:
    raw = forge.provide()
    body = raw.body.replace(b"--edge", f"--{written}".encode())
    return forge.package("ITI-41", body, boundary=boundary)


@pytest.mark.parametrize(
    ("boundary", "written"),
    [(None, "edge"), ("", ""), ("b" * 200, "b" * 200), ("other", "edge"), ("b" * 71, "b" * 71)],
    ids=["missing", "empty", "too-long", "another", "71"],
)
def test_mtom_04_boundaries(forge: Any, words: Any, boundary: str | None, written: str) -> None:
    forge.refused(bounded(forge, boundary, written), words.sender(), words.message)


def test_mtom_04_the_longest_boundary(forge: Any) -> None:
    forge.accepted(bounded(forge, "b" * 70, "b" * 70))


@pytest.mark.parametrize(
    "data", [b"a\r\n--edge\r\nb", b"--edge", b"a\r\n--edge--\r\n", b"a\r\n--edge\r\n\r\nb"]
)
def test_mtom_04_the_boundary_inside_a_document(forge: Any, words: Any, data: bytes) -> None:
    """A delimiter line inside cuts the document: what is left is no package, or its digest does not hold."""
    cut = words.document(forge.house, "2.25.44", data=data)
    found = forge.send(forge.provide(cut))
    assert found.fault in {words.sender(), words.wsse("FailedCheck")}
    assert found.kinds == [words.message]


@pytest.mark.parametrize("data", [b"a --edge b", b"\n--edge\n", b"\r\n-edge", b"\r\n"])
def test_mtom_04_unambiguous_framing_keeps_every_bit(forge: Any, words: Any, data: bytes) -> None:
    given = words.document(forge.house, "2.25.45", data=data, mime_type="application/octet-stream")
    forge.accepted(forge.provide(given))
    found = forge.accepted(forge.retrieve("2.25.45"))
    assert b"\r\n\r\n" + data + b"\r\n--" in found.body


def test_mtom_05_limits_scaled_down(forge: Any, words: Any) -> None:
    with forge.limited(document_bytes=100, mtom_parts=4, part_header_bytes=200) as tight:
        tight.accepted(tight.provide(words.document(tight.house, "2.25.51", data=b"x" * 100)))
        larger = tight.provide(words.document(tight.house, "2.25.52", data=b"x" * 101))
        tight.refused(larger, words.bare(413), words.abuse)
        heads = ["X: " + "h" * (200 - 3 - 2 - len("Content-ID: <a>\r\n")) + "\r\nContent-ID: <a>\r\n"]
        for surplus, expected in ((0, None), (1, words.sender())):
            head = heads[0].replace("X: ", "X: " + "h" * surplus)
            raw = tight.provide(parts=with_more(words, [(head, b"x")]))
            check(tight, words, raw, expected)
        for count, expected in ((2, None), (3, words.sender())):
            extra = [(f"Content-ID: <p{n}>\r\n", b"x") for n in range(count)]
            check(tight, words, tight.provide(parts=with_more(words, extra)), expected)


def with_more(words: Any, extra: list[tuple[str, bytes]]) -> Callable[[list], list]:
    return lambda attachments: [words.part_of(each) for each in attachments] + extra


def check(forge: Any, words: Any, raw: Any, expected: Any) -> None:
    """Below the limit the package is read, and its stray part found; above it is refused unread."""
    if expected is None:
        forge.failed(raw, "XDSMissingDocumentMetadata", words.provided(8))
    else:
        forge.refused(raw, expected, words.abuse)


def test_mtom_05_501_parts_and_a_header_of_9_kib(forge: Any, words: Any) -> None:
    extra = [(f"Content-ID: <p{n}>\r\n", b"") for n in range(499)]
    forge.refused(forge.provide(parts=with_more(words, extra)), words.sender(), words.abuse)
    long = [("X: " + "h" * 9 * 1024 + "\r\n", b"")]
    forge.refused(forge.provide(parts=with_more(words, long)), words.sender(), words.abuse)


SHA1 = hashlib.sha1(DATA, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("name", "value"), [("hash", "0" * 40), ("size", str(len(DATA) + 1)), ("size", "0")])
def test_mtom_06_metadata_that_contradict_the_document(forge: Any, words: Any, name: str, value: str) -> None:
    raw = forge.provide(edit=lambda root: slot(root, words.RIM, name, value))
    forge.failed(raw, "XDSRepositoryMetadataError", words.provided(8))


def test_mtom_06_a_hash_in_upper_case(forge: Any, words: Any) -> None:
    forge.accepted(forge.provide(edit=lambda root: slot(root, words.RIM, "hash", SHA1.upper())))


def encoded(words: Any, how: str, data: bytes) -> Callable[[list[Attachment]], list[tuple[str, bytes]]]:
    def parts(attachments: list[Attachment]) -> list[tuple[str, bytes]]:
        head, _ = words.part_of(attachments[0])
        return [(head.replace("binary", how), data)]

    return parts


def test_mtom_07_transfer_encodings(forge: Any, words: Any) -> None:
    for number, (how, data) in enumerate(
        (
            ("base64", base64.encodebytes(DATA).replace(b"\n", b"\r\n")),
            ("quoted-printable", quopri.encodestring(DATA)),
        )
    ):
        given = words.document(forge.house, f"2.25.47{number}")
        forge.accepted(forge.provide(given, parts=encoded(words, how, data)))
        found = forge.accepted(forge.retrieve(f"2.25.47{number}"))
        assert b"\r\n\r\n" + DATA + b"\r\n--" in found.body, "never stored encoded"


@pytest.mark.parametrize(("how", "data"), [("base64", b"!!!!"), ("base64", b"abc"), ("x-uuencode", b"x")])
def test_mtom_07_what_cannot_be_decoded(forge: Any, words: Any, how: str, data: bytes) -> None:
    forge.refused(forge.provide(parts=encoded(words, how, data)), words.sender(), words.message)


def test_mtom_08_content_of_another_type_stays_an_attachment(forge: Any, words: Any) -> None:
    """Stored by policy; what it is served as comes from the entry, and never as a page."""
    html = words.document(
        forge.house, "2.25.48", data=b"<html><script>1</script>", mime_type="application/pdf"
    )
    forge.accepted(forge.provide(html))
    found = forge.accepted(forge.retrieve("2.25.48"))
    assert b"Content-Type: application/pdf" in found.body
    assert b"Content-Type: text/html" not in found.body
    assert found.headers["content-type"].startswith("multipart/related")


@pytest.mark.parametrize("href", ["http://127.0.0.1:9/x", "file:///etc/hostname", "", "x"])
def test_mtom_09_other_addresses_than_cid(forge: Any, words: Any, href: str) -> None:
    text = forge.provide(parts=lambda _: []).body
    start = text.index(b'href="cid:') + len(b'href="')
    end = text.index(b'"', start)
    raw = forge.package("ITI-41", text[:start] + href.encode() + text[end:])
    forge.refused(raw, words.sender(), words.message)


def test_mtom_10_inline_base64_above_ten_megabytes(forge: Any, words: Any) -> None:
    def inline(size: int) -> Callable[[etree._Element], None]:
        def change(root: etree._Element) -> None:
            root.find(f"{XDSB}Document").text = base64.b64encode(b"x" * size).decode()

        return change

    forge.accepted(forge.provide(edit=inline(1_000), parts=lambda _: []))
    found = forge.send(forge.provide(edit=inline(8_000_000), parts=lambda _: []))
    assert found.status == 413
    assert found.kinds == [words.abuse]


def test_the_root_part_must_be_xop(forge: Any, words: Any) -> None:
    raw = forge.provide()
    other = replace(raw, body=raw.body.replace(b"application/xop+xml", b"text/xml", 1))
    forge.refused(other, words.bare(415), words.message)
