"""Content-Transfer-Encoding (RFC 2045 section 6) undone piece by piece: binary, base64, quoted-printable."""

from __future__ import annotations

import binascii
import quopri
from typing import Protocol

from gateway.errors import Malformed

_PLAIN = frozenset({"binary", "8bit", "7bit", ""})
_LONGEST_LINE = 1024 * 1024
_WHERE = "Content-Transfer-Encoding"


class Decoder(Protocol):
    """Undoes an encoding."""

    def decode(self, data: bytes | memoryview) -> bytes | memoryview:
        """More octets, as far as they can be known by now."""
        ...

    def finish(self) -> bytes:
        """What is left when the part has ended; Malformed where it may not end so."""
        ...


def decoder_of(encoding: str) -> Decoder:
    """The decoder for a field value in lower case; Malformed for an unknown one."""
    if encoding in _PLAIN:
        return _Plain()
    if encoding == "base64":
        return _Base64()
    if encoding == "quoted-printable":
        return _QuotedPrintable()
    raise Malformed("a part has an unknown Content-Transfer-Encoding", location=_WHERE)


class _Plain:
    def decode(self, data: bytes | memoryview) -> bytes | memoryview:
        return data

    def finish(self) -> bytes:
        return b""


class _Base64:
    """Four characters at a time; line ends are CRLF, and nothing follows the padding."""

    def __init__(self) -> None:
        self._held = b""
        self._padded = False

    def decode(self, data: bytes | memoryview) -> bytes:
        joined = (self._held + data).replace(b"\r\n", b"")
        # A carriage return at the end may be half of a line end.
        half = joined.endswith(b"\r")
        whole = (len(joined) - half) // 4 * 4
        self._held = joined[whole:]
        return self._decoded(joined[:whole])

    def finish(self) -> bytes:
        return self._decoded(self._held)

    def _decoded(self, text: bytes) -> bytes:
        if text and self._padded:
            raise Malformed("a part is not valid base64", location=_WHERE)
        try:
            found = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise Malformed("a part is not valid base64", location=_WHERE) from error
        self._padded = self._padded or text.endswith(b"=")
        return found


class _QuotedPrintable:
    """Line by line: no escape reaches over the end of a line."""

    def __init__(self) -> None:
        self._held = b""

    def decode(self, data: bytes | memoryview) -> bytes:
        joined = self._held + data
        end = joined.rfind(b"\n") + 1
        self._held = joined[end:]
        if len(self._held) > _LONGEST_LINE:
            raise Malformed("a line of quoted-printable has no end", location=_WHERE)
        return quopri.decodestring(joined[:end])

    def finish(self) -> bytes:
        return quopri.decodestring(self._held)
