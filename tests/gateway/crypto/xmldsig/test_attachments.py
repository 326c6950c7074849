from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from tracemalloc import get_traced_memory, start, stop
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import Attached, c14n, compose, content_id, includes_of, names
from gateway.crypto.xmldsig.attachments import hash_base64, hash_with_attachments
from gateway.errors import Malformed, SignatureBroken

XOP = f'xmlns:x="{names.XOP}"'


class Octets:
    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)


def include(cid: Any) -> str:
    return f'<x:Include {XOP} href="cid:{cid}"/>'


def digest(root: etree._Element, parts: Any) -> bytes:
    running = sha256()
    hash_with_attachments(root, [], includes_of(root), parts, running)
    return running.digest()


@given(st.lists(st.binary(max_size=10), max_size=8))
def test_base64_of_chunks_is_that_of_the_whole(chunks: list[bytes]) -> None:
    running = sha256()
    hash_base64(chunks, running)
    assert running.digest() == sha256(b64encode(b"".join(chunks))).digest()


@pytest.mark.parametrize("declared", ["", XOP, 'xmlns="urn:d"', f"{XOP} xmlns:u='urn:u'"])
def test_the_digest_is_that_of_the_inline_message(declared: str) -> None:
    parts = {"one@x": Octets(b"ab", b"cde", b""), "two@x": Octets(b"<second>")}
    pattern = f'<r {declared} a="1"><d>{{0}}</d> t &lt; <e b="&lt;"><d>{{1}}</d></e><!--c--></r>'
    packaged = parse(pattern.format(include("one@x"), include("two%40x")).encode())
    inline = parse(pattern.format(b64encode(b"abcde").decode(), b64encode(b"<second>").decode()).encode())
    assert digest(packaged, parts) == sha256(c14n(inline)).digest()


def test_the_tree_is_left_as_it_was() -> None:
    root = parse(f'<r><d a="1">{include("one@x")}</d><d/></r>'.encode())
    before = etree.tostring(root)
    digest(root, {"one@x": Octets(b"abc")})
    assert etree.tostring(root) == before


def test_the_tree_is_left_as_it_was_when_no_canonical_form_exists() -> None:
    root = parse(f'<r xmlns="relative"><d>{include("one@x")}</d></r>'.encode())
    before = etree.tostring(root)
    with pytest.raises(SignatureBroken):
        digest(root, {})
    assert etree.tostring(root) == before


def test_mtom_01_a_missing_attachment_counts_as_empty() -> None:
    root = parse(f"<r><d>{include('none@x')}</d></r>".encode())
    assert digest(root, {}) == sha256(b"<r><d></d></r>").digest()


@pytest.mark.parametrize("href", ["http://127.0.0.1:9/x", "file:///etc/passwd", "", "one@x", "CID:x"])
def test_mtom_09_only_cid_addresses(href: str) -> None:
    root = parse(f'<r><d><x:Include {XOP} href="{href}"/></d></r>'.encode())
    with pytest.raises(Malformed):
        content_id(root[0][0])
    with pytest.raises(Malformed):
        digest(root, {})


def test_content_ids_are_percent_decoded() -> None:
    assert content_id(parse(include("a%20b%40x%2F1").encode())) == "a b@x/1"


@pytest.mark.parametrize(
    "text",
    [
        f"<d>a{include('x')}</d>",
        f"<d>{include('x')} a</d>",
        f"<d>\u00a0{include('x')}</d>",
        f"<d>{include('x')}\u2003</d>",
        f"<d>{include('x')}{include('y')}</d>",
        f"<d>{include('x')}<e/></d>",
        f'<d><x:Include {XOP} href="cid:x">text</x:Include></d>',
        f'<d><x:Include {XOP} href="cid:x"> </x:Include></d>',
        f'<d><x:Include {XOP} href="cid:x"><e/></x:Include></d>',
        f"<d><!--c-->{include('x')}</d>",
    ],
)
def test_an_include_stands_alone(text: Any) -> None:
    with pytest.raises(Malformed):
        includes_of(parse(f"<r>{text}</r>".encode()))


def test_white_space_around_an_include_is_let_pass_and_stays_in_the_digest() -> None:
    root = parse(f"<r><d>\n\t {include('one@x')} \n</d></r>".encode())
    inline = parse(f"<r><d>\n\t {b64encode(b'abc').decode()} \n</d></r>".encode())
    assert digest(root, {"one@x": Octets(b"abc")}) == sha256(c14n(inline)).digest()


@pytest.fixture
def packaged(identity: Callable[..., Any], now: datetime) -> tuple[etree._Element, bytes]:
    content = bytes(range(256)) * 100
    body = [b'<p:d xmlns:p="urn:p">', Attached("a@x", Octets(content)), b"</p:d>"]
    return parse(compose([], body, identity().signer, now=now)), content


def test_a_signed_attachment_verifies(
    packaged: tuple[etree._Element, bytes], verify: Callable[..., Any]
) -> None:
    root, content = packaged
    assert verify(root, parts={"a@x": Octets(content[:1000], content[1000:])}).signature


@pytest.mark.parametrize(
    "change", [lambda c: c + b"x", lambda c: c[:-1], lambda c: b"x" + c[1:], lambda _: b""]
)
def test_sig_01_an_altered_attachment(
    packaged: tuple[etree._Element, bytes], verify: Callable[..., Any], change: Callable[..., Any]
) -> None:
    root, content = packaged
    with pytest.raises(SignatureBroken):
        verify(root, parts={"a@x": Octets(change(content))})


def test_a_missing_attachment_breaks_the_signature_that_covered_it(
    packaged: tuple[etree._Element, bytes], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignatureBroken):
        verify(packaged[0], parts={})


def test_memory_stays_flat() -> None:
    class Many:
        size = 64 * 1024 * 1024

        def chunks(self) -> Iterator[bytes]:
            return (bytes(65536) for _ in range(1024))

    root = parse(f"<r><d>{include('x')}</d></r>".encode())
    start()
    digest(root, {"x": Many()})
    _, peak = get_traced_memory()
    stop()
    assert peak < 1024 * 1024
