from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import c14n, names
from gateway.errors import AlgorithmRefused, SignatureBroken

PREFIXES = ["", "a", "b", "c"]
SPACES = ["urn:1", "urn:2", "http://three/"]
TEXT = st.text(st.sampled_from("ab <>&\"'\t\n\ré€𝄞]"), max_size=6)


def escaped(text: Any) -> str:
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        text = text.replace(plain, entity)
    return text


@st.composite
def content(draw: Any, bound: Any, depth: int) -> str:
    kind = draw(st.sampled_from(["text", "element", "element", "comment", "cdata"]))
    if kind == "comment":
        return "<!-- c -->"
    if kind == "cdata":
        return f"<![CDATA[{draw(TEXT).replace(']]>', '').replace(chr(13), '')}]]>"
    if kind == "element" and depth:
        return draw(element(bound, depth - 1))
    return escaped(draw(TEXT))


@st.composite
def element(draw: Any, bound: Any, depth: int, identifier: str | None = None) -> str:
    declared = draw(st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(SPACES), max_size=3))
    if draw(st.booleans()):
        declared.setdefault("", "")
    bound = {**bound, **declared}
    usable = [prefix for prefix in bound if prefix and bound[prefix]]
    prefix = draw(st.sampled_from(["", *usable]))
    name = f"{prefix}:e" if prefix else "e"
    attributes = {f'xmlns{":" if p else ""}{p}="{uri}"' for p, uri in declared.items()}
    for other in draw(
        st.lists(st.sampled_from(["", *usable]), unique_by=lambda p: bound.get(p) if p else "", max_size=3)
    ):
        attributes.add(f'{other}{":" if other else ""}z="{escaped(draw(TEXT))}"')
    if identifier:
        attributes.add(f'ID="{identifier}"')
    inner = "".join(draw(st.lists(content(bound, depth), max_size=4)))
    return f"<{name} {' '.join(sorted(attributes))}>{inner}</{name}>"


@st.composite
def documents(draw: Any) -> str:
    outer = draw(st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(SPACES), max_size=3))
    declared = "".join(f' xmlns{":" if p else ""}{p}="{uri}"' for p, uri in outer.items())
    target = draw(element({"": "", **outer}, 3, identifier="it"))
    return f"<root{declared}><mid>{escaped(draw(TEXT))}{target}tail</mid></root>"


def digest_of_xmlsec(root: etree._Element, prefixes: Any, key: Any) -> bytes:
    """The digest that xmlsec computes for the element with ID "it"."""
    signature = xmlsec.template.create(
        root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformEcdsaSha256
    )
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri="#it")
    transform = xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    if prefixes:
        xmlsec.template.transform_add_c14n_inclusive_namespaces(transform, prefixes)
    root.append(signature)
    context = xmlsec.SignatureContext()
    context.register_id(root.find(".//*[@ID]"), "ID")
    context.key = key
    context.sign(signature)
    return b64decode(next(root.iter(names.DIGEST_VALUE)).text)


@pytest.fixture(scope="module")
def key(identity: Callable[..., Any]) -> Any:
    pem = identity().key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM, None)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=documents(), prefixes=st.lists(st.sampled_from(["a", "b", "c", "nowhere"]), unique=True, max_size=3)
)
def test_c14n_agrees_with_xmlsec(key: Any, text: Any, prefixes: Any) -> None:
    ours = c14n(parse(text.encode()).find(".//*[@ID]"), prefixes)
    assert sha256(ours).digest() == digest_of_xmlsec(parse(text.encode()), prefixes, key)


def test_a_subtree_does_not_take_its_tail_nor_unused_namespaces() -> None:
    root = parse(b'<r xmlns:a="urn:a" xmlns="urn:d"><a:b z="1" y="2"> <c/> </a:b>tail</r>')
    assert c14n(root[0]) == b'<a:b xmlns:a="urn:a" y="2" z="1"> <c xmlns="urn:d"></c> </a:b>'


def test_prefixes_of_ancestors_are_kept_when_listed() -> None:
    root = parse(b'<r xmlns:a="urn:a" xmlns:u="urn:u"><a:b/></r>')
    assert c14n(root[0], ["u"]) == b'<a:b xmlns:a="urn:a" xmlns:u="urn:u"></a:b>'


def test_default_in_the_prefix_list() -> None:
    without = parse(b'<a:r xmlns:a="urn:a"><a:b/></a:r>')
    assert c14n(without[0], ["#default", "a"]) == c14n(without[0])
    with pytest.raises(AlgorithmRefused):
        c14n(parse(b'<r xmlns="urn:d"><b/></r>')[0], ["#default"])


def test_relative_namespace_names_are_refused() -> None:
    with pytest.raises(SignatureBroken):
        c14n(parse(b'<a xmlns="relative"/>'))


def test_the_tree_stays_as_it_was() -> None:
    text = b'<r xmlns:a="urn:a"><a:b xmlns:u="urn:u"><!--c--></a:b></r>'
    root = parse(text)
    c14n(root[0])
    assert etree.tostring(root) == text
