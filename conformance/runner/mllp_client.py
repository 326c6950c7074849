"""Sends HL7 v2 messages over MLLP (0x0B … 0x1C 0x0D) inside TLS and reads fields of the acknowledgements."""

from __future__ import annotations

import re
import socket
import ssl
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from answer import NO_ANSWER, Answer

START, END = b"\x0b", b"\x1c\x0d"
TERSER = re.compile(
    r"^(?:\w+(?:\((?P<group>\d+)\))?/\.)?(?P<segment>[A-Z][A-Z0-9]{2})(?:\((?P<again>\d+)\))?"
    r"(?:-(?P<field>\d+))?(?:\((?P<repeat>\d+)\))?(?:-(?P<component>\d+))?(?:-(?P<sub>\d+))?$"
)


CONTROL_ID = 10


def with_segment_ends(text: str) -> str:
    """Byte-order mark dropped, every line end a CR, no empty lines: the form HL7 v2 has on the wire."""
    lines = re.split(r"[\r\n]+", text.removeprefix("\ufeff"))
    return "".join(f"{line}\r" for line in lines if line.strip())


def with_fresh_control_id(text: str) -> str:
    """MSH-10 made new: a sender never uses one twice (HL7 2.15.9.10), stored messages are sent in many runs.

    An empty one stays empty, it is what such a case is about.
    """
    fields = text.split("|", CONTROL_ID)
    if len(fields) > CONTROL_ID and fields[9].strip():
        fields[9] = uuid.uuid4().hex[:20]
    return "|".join(fields)


def field_of(message: str, path: str) -> str | None:
    """The value a terser path such as `MSH-9-1` or `QUERY_RESPONSE(1)/.PID-3(0)-4-2` names.

    Repetitions of groups, segments and fields count from 0; a component that is not named is the first.
    None if the segment is not there; empty if the field is. Raises ValueError for a path of another form.
    """
    found = TERSER.match(path)
    if found is None:
        raise ValueError(f"not a field path: {path}")
    segments = [s for s in message.split("\r") if s.startswith(found["segment"])]
    index = int(found["group"] or found["again"] or 0)
    if index >= len(segments):
        return None
    if found["field"] is None:
        return segments[index]
    return _component(segments[index], found)


def _component(segment: str, path: re.Match[str]) -> str:
    fields = segment.split("|")
    number = int(path["field"]) - (1 if segment.startswith("MSH") else 0)
    value = fields[number] if 0 <= number < len(fields) else ""
    if segment.startswith("MSH") and path["field"] in {"1", "2"}:
        return "|" if path["field"] == "1" else value
    value = _nth(value, "~", int(path["repeat"] or 0))
    value = _nth(value, "^", int(path["component"] or 1) - 1)
    return _nth(value, "&", int(path["sub"] or 1) - 1)


def _nth(value: str, separator: str, index: int) -> str:
    parts = value.split(separator)
    return parts[index] if 0 <= index < len(parts) else ""


def read(reply: str) -> Answer:
    """An acknowledgement as Answer: the status is MSA-1, the detail MSA-3 and the ERR segments."""
    message = with_segment_ends(reply)
    errors = [segment for segment in message.split("\r") if segment.startswith("ERR")]
    detail = "; ".join(filter(None, [field_of(message, "MSA-3") or "", *errors]))
    return Answer(status=field_of(message, "MSA-1") or "no MSA", detail=detail, text=message)


@dataclass(slots=True)
class MllpClient:
    """One connection that is kept open and opened again when the other side closes it."""

    host: str
    port: int
    context: ssl.SSLContext | None
    timeout: float = 20.0
    _socket: socket.socket | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, content: bytes) -> Answer:
        """Send one message and wait for its reply; a broken connection is an answer of its own kind."""
        kept = self._socket is not None
        try:
            return read(self._exchange(content).decode("utf-8", "replace"))
        except OSError as error:
            self.close()
            if not kept or isinstance(error, TimeoutError):
                return Answer(status=NO_ANSWER, detail=f"{type(error).__name__}: {error}")
        # The other side may have closed a connection that lay idle: once more, on a fresh one.
        return self.send(content)

    def _exchange(self, content: bytes) -> bytes:
        connection = self._socket or self._connect()
        connection.sendall(START + content + END)
        received = b""
        while not received.endswith(END):
            chunk = connection.recv(65_536)
            if not chunk:
                raise ConnectionResetError("the connection was closed before an acknowledgement")
            received += chunk
        return received.strip(START).removesuffix(END)

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        secured = self.context.wrap_socket(plain, server_hostname=self.host) if self.context else plain
        secured.settimeout(self.timeout)
        self._socket = secured
        return secured
