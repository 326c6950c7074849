"""The parts of one ds:Signature, read strictly (XML-DSig 1.1 section 4); nothing is computed here."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.crypto.keys import Scheme
from gateway.crypto.safexml import text_of
from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.algorithms import HashFactory, SignaturePolicy, digest_of, scheme_of
from gateway.errors import AlgorithmRefused, Malformed, SignatureBroken

_PARTS = (
    [names.SIGNED_INFO, names.SIGNATURE_VALUE],
    [names.SIGNED_INFO, names.SIGNATURE_VALUE, names.KEY_INFO],
)
_REFERENCE_PARTS = [names.TRANSFORMS, names.DIGEST_METHOD, names.DIGEST_VALUE]
_MAX_PREFIXES = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference. `target` is the id it names in this document."""

    target: str
    enveloped: bool
    prefixes: list[str]
    hash: HashFactory
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature with allowed algorithms only; `prefixes` belong to the canonical form of `signed_info`."""

    signed_info: etree._Element
    prefixes: list[str]
    algorithm: str
    scheme: Scheme
    references: tuple[Reference, ...]
    value: bytes
    key_info: etree._Element | None


def read_signature(element: etree._Element, policy: SignaturePolicy) -> Signature:
    """The parts of a ds:Signature; SignatureBroken on another structure, AlgorithmRefused by the list."""
    parts = list(element)
    if [part.tag for part in parts] not in _PARTS:
        raise SignatureBroken("Signature must hold SignedInfo, SignatureValue and KeyInfo only")
    signed_info = parts[0]
    info = list(signed_info)
    if [part.tag for part in info[:2]] != [names.C14N_METHOD, names.SIGNATURE_METHOD]:
        raise SignatureBroken("SignedInfo must open with CanonicalizationMethod and SignatureMethod")
    method = info[1].get("Algorithm", "")
    scheme = scheme_of(method, policy)
    if not 0 < len(info) - 2 <= policy.max_references:
        raise SignatureBroken(f"SignedInfo must hold 1 to {policy.max_references} references")
    return Signature(
        signed_info=signed_info,
        prefixes=_exclusive_prefixes(info[0]),
        algorithm=method,
        scheme=scheme,
        references=tuple([_reference(part) for part in info[2:]]),
        value=base64_of(parts[1]),
        key_info=parts[2] if len(parts) > 2 else None,  # noqa: PLR2004 - the third is KeyInfo, see _PARTS
    )


def base64_of(element: etree._Element) -> bytes:
    """The decoded content of an element; white space is allowed between its characters."""
    try:
        return binascii.a2b_base64("".join(text_of(element).split()), strict_mode=True)
    except (ValueError, Malformed) as error:
        name = etree.QName(element).localname
        raise SignatureBroken(f"{name} is not base64", location=name) from error


def _reference(element: etree._Element) -> Reference:
    parts = list(element)
    if element.tag != names.REFERENCE:
        raise SignatureBroken("SignedInfo holds something that is not a Reference")
    target = _local(element.get("URI"))
    if [part.tag for part in parts] != _REFERENCE_PARTS:
        if (
            parts and parts[0].tag == names.DIGEST_METHOD
        ):  # no Transforms would mean inclusive canonicalization
            raise AlgorithmRefused("Reference without a transform; expected exclusive canonicalization")
        raise SignatureBroken("Reference must hold Transforms, DigestMethod and DigestValue")
    enveloped, prefixes = _transforms(list(parts[0]))
    hash_factory = digest_of(parts[1].get("Algorithm"))
    return Reference(target, enveloped, prefixes, hash_factory, base64_of(parts[2]))


def _local(uri: str | None) -> str:
    if uri is None or len(uri) < 2 or uri[0] != "#":  # noqa: PLR2004 - '#' and at least one character
        raise SignatureBroken("Reference must name an id of this message (#id)", location="Reference")
    return uri[1:]


def _transforms(transforms: Sequence[etree._Element]) -> tuple[bool, list[str]]:
    enveloped = bool(transforms) and transforms[0].get("Algorithm") == names.ENVELOPED
    last = transforms[1:] if enveloped else transforms
    if (
        len(last) != 1
        or (enveloped and len(transforms[0]))
        or any(t.tag != names.TRANSFORM for t in transforms)
    ):
        raise AlgorithmRefused(
            "transforms not allowed; expected exclusive canonicalization", location="Transforms"
        )
    return enveloped, _exclusive_prefixes(last[0])


def _exclusive_prefixes(method: etree._Element) -> list[str]:
    """The PrefixList of an exclusive canonicalization, which is the only one allowed."""
    if method.get("Algorithm") != names.EXC_C14N:
        raise AlgorithmRefused("canonicalization not allowed; expected exclusive, without comments")
    children = list(method)
    if not children:
        return []
    if len(children) > 1 or children[0].tag != names.INCLUSIVE_NAMESPACES:
        raise AlgorithmRefused("exclusive canonicalization with parameters that are not known")
    prefixes = children[0].get("PrefixList", "").split()
    if len(prefixes) > _MAX_PREFIXES:
        raise AlgorithmRefused(f"PrefixList with more than {_MAX_PREFIXES} prefixes")
    return prefixes
