"""Reads syslog messages (RFC 5424 section 6): the header in its fields, the message as it came.

What has no such header, as the older form of RFC 3164, is plain: kept whole, with what can be told of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>(?P<version>[1-9][0-9]{0,2})"
    rb" (?P<timestamp>[!-~]{1,64}) (?P<hostname>[!-~]{1,255}) (?P<app_name>[!-~]{1,255})"
    rb" (?P<procid>[!-~]{1,255}) (?P<msg_id>[!-~]{1,255})"
    rb' (?P<data>-|(?:\[[^\] "=]{1,255}(?: [^\] "=]{1,255}="(?:[^"\\]|\\.)*+")*+\])++)(?: |$)',
    re.DOTALL,
)
_OLDER = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>"
    rb"(?:(?P<timestamp>[A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}) (?P<hostname>[!-~]{1,255}) )?"
    rb"(?:(?P<app_name>[A-Za-z0-9_./-]{1,48})(?:\[(?P<procid>[0-9]{1,10})\])?: ?)?"
)
_HIGHEST_PRI = 191
_NIL = b"-"
_FIELDS = ("pri", "version", "timestamp", "hostname", "app-name", "procid", "msg-id", "structured-data")
_OLDER_FIELDS = ("pri", "timestamp", "hostname", "app-name", "procid")
"""Names of the groups of either form, in their order."""

Header = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Syslog:
    """Fields of the header that have a value, by their names in ITI-82; `message` is what follows it.

    A message without `version` is of an older form and stands there whole, header and all.
    """

    header: Header
    message: bytes

    def field(self, name: str) -> str | None:
        """One field of the header."""
        return next((value for key, value in self.header if key == name), None)


def read_syslog(frame: bytes) -> Syslog:
    """The header and the message; nothing is refused, and no octet of the message is changed."""
    found = _HEAD.match(frame)
    if found is not None and int(found["pri"]) <= _HIGHEST_PRI:
        header = _header(_FIELDS, found)
        if header is not None:
            return Syslog(header, frame[found.end() :])
    older = _OLDER.match(frame)
    if older is None or int(older["pri"]) > _HIGHEST_PRI:
        return Syslog((), frame)
    return Syslog(_header(_OLDER_FIELDS, older) or (), frame)


def _header(names: Sequence[str], found: re.Match[bytes]) -> Header | None:
    """None for octets that are no UTF-8: then the frame is kept as a whole."""
    told = zip(names, found.groups(), strict=True)
    try:
        return tuple([(name, value.decode()) for name, value in told if value is not None and value != _NIL])
    except UnicodeDecodeError:
        return None
