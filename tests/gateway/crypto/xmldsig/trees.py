"""Elements of a signed message."""

from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names


def one(root: etree._Element, name: str) -> etree._Element:
    (element,) = root.iter(name)
    return element


def reparsed(root: etree._Element) -> etree._Element:
    return parse(etree.tostring(root))


def signature_of(root: etree._Element) -> etree._Element:
    return one(root, names.SIGNATURE)
