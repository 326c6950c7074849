"""Exclusive XML Canonicalization 1.0 without comments, of a subtree in its place."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from gateway.errors import AlgorithmRefused, SignatureBroken

_DEFAULT_NAMESPACE = "#default"


def c14n(element: etree._Element, prefixes: Sequence[str] | None = None) -> bytes:
    """The canonical bytes of `element`. `prefixes` is the PrefixList of InclusiveNamespaces.

    The token `#default` is refused (AlgorithmRefused) where a default namespace is in scope: lxml passes over
    it, so the result would be another one than the signer's.
    """
    if prefixes and _DEFAULT_NAMESPACE in prefixes:
        if None in element.nsmap:
            raise AlgorithmRefused(
                "PrefixList with #default is not supported where a default namespace is in scope"
            )
        prefixes = [prefix for prefix in prefixes if prefix != _DEFAULT_NAMESPACE]
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=prefixes or None,
        )
    except etree.C14NError as error:
        raise SignatureBroken("a namespace name is relative: no canonical form exists") from error
