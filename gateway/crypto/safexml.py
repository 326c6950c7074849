"""One hardened XML parse for every door: no DTD, no instructions, bounded size and shape (XML 1.0)."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from lxml import etree

from gateway.errors import GatewayError, Malformed, TooComplex, TooLarge

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What one document may hold. `size` in bytes, `depth` in nested elements with the root as 1."""

    size: int = 16 * MEBIBYTE
    depth: int = 128
    attributes: int = 256
    elements: int = 500_000
    namespaces: int = 1_000


DEFAULT = XmlLimits()

_PARSER_DEPTH = 256  # where libxml2 stops by itself
_RESOURCE_LIMIT = 114  # libxml2's error number for its own bounds on depth and text

_OPENS_DECLARATION = (b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")
_DECLARATION = re.compile(
    rb"<\?xml\s+version\s*=\s*(?:\"1\.0\"|'1\.0')"
    rb"(?:\s+encoding\s*=\s*(?:\"(?P<double>[A-Za-z][\w.-]*)\"|'(?P<single>[A-Za-z][\w.-]*)'))?"
    rb"(?:\s+standalone\s*=\s*(?:\"(?:yes|no)\"|'(?:yes|no)'))?\s*\?>"
)
# possessive: a long run of comments can be read in one way only
_BEFORE_ROOT = re.compile(rb"(?:\s*+<!--.*?-->)*+\s*+", re.DOTALL)

_SHORTEST_INSTANT = len("2026-01-01T00:00:00Z")
_SHORTEST_ELEMENT = len("<a/>")
_INSTRUCTION = etree.XPath("boolean(//processing-instruction())")
"""Also sees those beside the root element."""


def parse(data: bytes, limits: XmlLimits = DEFAULT, charset: str | None = None) -> etree._Element:
    """The root element. Raises TooLarge, TooComplex or Malformed.

    `charset` is the parameter of the Content-Type; with it, byte order mark and declaration must agree.
    Only UTF-8, and UTF-16 with a byte order mark, are taken. Comments stay in the tree: read by `text_of`.
    """
    if len(data) > limits.size:
        raise TooLarge(f"XML of {len(data)} bytes; expected at most {limits.size}")
    text, start = _as_utf8(data, charset)
    _check_prolog(text, start)
    _check_counts(text, start, limits)
    root = _parsed(text)
    _check_shape(root, limits)
    if text.find(b"?", start) >= 0 and _INSTRUCTION(root):
        raise Malformed("processing instruction found; none is allowed")
    return root


def text_of(element: etree._Element) -> str:
    """The text of an element that may hold nothing but text; Malformed if a comment or element cuts it."""
    if len(element):
        name = etree.QName(element).localname
        raise Malformed(f"{name} holds more than text", location=name)
    return element.text or ""


def instant_of(text: str) -> datetime | None:
    """An xs:dateTime with a time zone, as an aware time; None for anything else."""
    value = text.strip()
    if len(value) < _SHORTEST_INSTANT or value[4] != "-" or value[10] != "T":
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _parsed(text: bytes) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=False,
        remove_pis=False,
        strip_cdata=False,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        raise _refusal(error) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("document type declaration found; none is allowed")
    return root


def _refusal(error: etree.XMLSyntaxError) -> GatewayError:
    line, column = error.position
    if getattr(error, "code", None) != _RESOURCE_LIMIT:
        return Malformed("not well-formed XML", location=f"line {line}, column {column}")
    if "depth" in (error.msg or ""):
        return TooComplex(f"elements nested deeper than {_PARSER_DEPTH}")
    return TooLarge("a single text or attribute is larger than 10 MB")


# --- encoding ------------------------------------------------------------------------------------


def _as_utf8(data: bytes, charset: str | None) -> tuple[bytes, int]:
    """The document in UTF-8 and where it starts behind byte order mark and declaration."""
    wide = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    encoding = "utf-16" if wide else "utf-8"
    if charset is not None and not _agrees(charset, encoding):
        raise Malformed(f"charset of the content type contradicts the document, which is {encoding}")
    text = _narrow(data) if wide else data
    start = len(BOM_UTF8) if text.startswith(BOM_UTF8) else 0
    if not text.startswith(_OPENS_DECLARATION, start):
        return text, start
    declaration = _DECLARATION.match(text, start)
    if declaration is None:
        raise Malformed("XML declaration not understood; expected version 1.0")
    declared = declaration["double"] or declaration["single"]
    if declared is not None and not _agrees(declared.decode("ascii"), encoding):
        raise Malformed(f"declared encoding contradicts the document, which is {encoding}")
    # a UTF-16 declaration would no longer be true of the narrowed text
    return (text[declaration.end() :], 0) if wide else (text, declaration.end())


def _agrees(name: str, encoding: str) -> bool:
    wanted = name.strip().strip('"').lower()
    return wanted == encoding or (encoding == "utf-16" and wanted in {"utf-16le", "utf-16be"})


def _narrow(data: bytes) -> bytes:
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeError as error:
        raise Malformed("not valid UTF-16") from error


# --- shape ---------------------------------------------------------------------------------------


def _check_prolog(text: bytes, start: int) -> None:
    before = _BEFORE_ROOT.match(text, start)
    root = before.end() if before else start
    if text.startswith(b"<!DOCTYPE", root):
        raise Malformed("document type declaration found; none is allowed")
    if text.startswith(b"<?", root):
        raise Malformed("processing instruction found; none is allowed")
    if not text.startswith(b"<", root):
        raise Malformed("not an XML document in UTF-8 or UTF-16")


def _check_counts(text: bytes, start: int, limits: XmlLimits) -> None:
    """Bounds that bytes alone can show, before a tree is built."""
    # <a/> is the shortest element: small documents need no count
    if len(text) > _SHORTEST_ELEMENT * limits.elements:
        opened = text.count(b"<", start) - text.count(b"</", start) - text.count(b"<!", start)
        if opened > limits.elements:
            raise TooComplex(f"more than {limits.elements} elements")
    if text.count(b"xmlns", start) > limits.namespaces:
        raise TooComplex(f"more than {limits.namespaces} namespace declarations")


def _check_shape(root: etree._Element, limits: XmlLimits) -> None:
    if _too_deep(limits.depth)(root):
        raise TooComplex(f"elements nested deeper than {limits.depth}")
    if _too_wide(limits.attributes)(root):
        raise TooComplex(f"an element with more than {limits.attributes} attributes")


@cache
def _too_deep(depth: int) -> etree.XPath:
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")


@cache
def _too_wide(attributes: int) -> etree.XPath:
    return etree.XPath(f"boolean(//@*[{attributes + 1}])")
