"""Documents that stand in the message as base64 text instead of beside it (ITI TF-2 V.8)."""

from __future__ import annotations

import base64
import binascii

from lxml import etree

from gateway.crypto.safexml import text_of
from gateway.errors import Malformed


def decoded(element: etree._Element) -> bytes:
    """The octets of an xs:base64Binary element; white space between characters is allowed."""
    text = "".join(text_of(element).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("a Document is not valid base64", location="Document") from error
