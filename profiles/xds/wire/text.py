"""Text in exclusive canonical form (XML-EXC-C14N), written straight, without a tree."""

from __future__ import annotations

from collections.abc import Iterable

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def text(value: str) -> str:
    """Character data, escaped as C14N does."""
    return value.translate(_TEXT)


def attribute(value: str) -> str:
    """An attribute value, escaped as C14N does."""
    return value.translate(_ATTRIBUTE)


def element(name: str, attributes: Iterable[tuple[str, str | None]] = (), *content: str) -> str:
    """One element. Attributes without value are left out; C14N wants unqualified ones by name."""
    given = sorted((key, value) for key, value in attributes if value is not None)
    written = "".join(f' {key}="{attribute(value)}"' for key, value in given)
    return f"<{name}{written}>{''.join(content)}</{name}>"
