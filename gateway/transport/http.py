"""HTTP/1.1 on one connection, within its limits: RFC 9112 framing (llhttp), bounded head, bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, unique
from http import HTTPStatus
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.config import Limits
from gateway.transport.gate import Peer

PEER = "passerelle.peer"
"""The key of the ASGI scope under which the Peer is found."""

LINK = "passerelle.link"
"""The key under which the connection is found, to be asked whether it is closing, or to be aborted."""

FIELD_OVERHEAD = 4  # ": " and CRLF
VERSIONS = frozenset({"1.0", "1.1"})
JUDGED = frozenset({b"transfer-encoding", b"content-length", b"expect"})
UNSUPPORTED_METHODS = frozenset({b"CONNECT", b"TRACE"})

OnAbuse = Callable[[Peer, str], None]


@unique
class Stage(Enum):
    """Where a connection stands."""

    IDLE = "between two requests"
    HEAD = "head not complete"
    BODY = "body not complete"
    DONE = "request received"


class _Refused(Exception):  # the word of the pipeline
    """Stops the parser; the answer is already chosen."""


class BoundedHttp(HttpToolsProtocol):
    """One connection of a peer. What breaks a limit or the framing is answered, closed and reported."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        *,
        peer: Peer,
        limits: Limits,
        on_abuse: OnAbuse,
    ) -> None:
        super().__init__(config, state, app_state)
        # Paths and queries hold patient identifiers; the audit trail is our access log.
        self.access_log = False
        self.url = b""
        self._peer = peer
        self._limits = limits
        self._on_abuse = on_abuse
        self._largest = max(limits.mtom_bytes, limits.xml_bytes, limits.fhir_bytes, limits.media_bytes)
        self._stage = Stage.HEAD
        self._since = 0.0
        self._head_bytes = 0
        self._body_bytes = 0
        self._fields = 0
        self._window = (0.0, 0)
        self._stalled = 0.0
        self._status: HTTPStatus | None = None
        self._reason = ""
        self._keep_alive = True
        self._leaving = False

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer came in; its first head must follow within the time."""
        super().connection_made(transport)  # type: ignore[arg-type]  # always a stream transport
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """More bytes of the peer."""
        if self._status is not None:
            return
        super().data_received(data)
        if self._stage is not Stage.DONE and self._status is None:
            self._unfinished(len(data))

    def _unfinished(self, size: int) -> None:
        """The request goes on in another segment: from now on its time counts."""
        if self._stage is Stage.IDLE:
            self._begin(Stage.HEAD)
        if self._since == 0.0:
            self._since = self.loop.time()
            self._window = (self._since, 0)
        if self._stage is Stage.BODY:
            self._body_bytes += size
            self._watch_trailer()
        else:
            self._head_bytes += size
            self._watch_head()

    def _watch_head(self) -> None:
        if len(self.url) > self._limits.request_line_bytes:
            self._answer(HTTPStatus.REQUEST_URI_TOO_LONG, "request line too long")
        elif self._head_bytes > self._limits.header_block_bytes + self._limits.request_line_bytes:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head too large")

    def _watch_trailer(self) -> None:
        """Fields after the body would join those that the application has read already."""
        if len(self.headers) != self._fields:
            self._answer(HTTPStatus.BAD_REQUEST, "trailer fields are not accepted")

    def _begin(self, stage: Stage) -> None:
        self._stage = stage
        self._since = 0.0

    def shutdown(self) -> None:
        """Close now when idle, else after the request under way."""
        self._leaving = True
        super().shutdown()

    def pause_writing(self) -> None:
        """The peer does not read fast enough."""
        super().pause_writing()
        self._stalled = self.loop.time()

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        self._stalled = 0.0

    # --- what the parser finds ---

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begin(Stage.HEAD)
        self._head_bytes = 0
        self._body_bytes = 0
        scope = cast("dict[str, Any]", self.scope)
        scope[PEER], scope[LINK] = self._peer, self.transport

    def on_headers_complete(self) -> None:
        """The head is complete: it is judged before the application sees it."""
        self._judge_request()
        self._judge_fields()
        self._fields = len(self.headers)
        self._begin(Stage.BODY)
        super().on_headers_complete()
        self._keep_alive = self.cycle.keep_alive
        # An answer before the end of the body ends the connection: nobody reads the rest.
        self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is received whole."""
        if len(self.headers) != self._fields:
            self._refuse(HTTPStatus.BAD_REQUEST, "trailer fields are not accepted")
        self._begin(Stage.DONE)
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive and not self._leaving
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written; the connection waits for the next request."""
        if self._stage is Stage.DONE and not self.pipeline:
            self._begin(Stage.IDLE)
        super().on_response_complete()

    def _judge_request(self) -> None:
        if self._peer.refusal is not None:
            self._refuse(HTTPStatus.FORBIDDEN, self._peer.refusal)
        if len(self.url) > self._limits.request_line_bytes:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "request line too long")
        if self.parser.get_method() in UNSUPPORTED_METHODS:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed")
        if self.parser.should_upgrade():
            self._refuse(HTTPStatus.BAD_REQUEST, "no upgrade is offered")
        if self.parser.get_http_version() not in VERSIONS or not self.url.startswith(b"/"):
            self._refuse(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request for a path")

    def _judge_fields(self) -> None:
        """Size and count, and what llhttp leaves open: Host, Transfer-Encoding, Expect, a hopeless length."""
        size = hosts = 0
        for name, value in self.headers:
            size += len(name) + len(value) + FIELD_OVERHEAD
            if name == b"host":
                hosts += 1
            elif name in JUDGED:
                self._judge_field(name, value)
        if size > self._limits.header_block_bytes or len(self.headers) > self._limits.header_count:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head too large")
        if hosts != 1:
            self._refuse(HTTPStatus.BAD_REQUEST, "expected exactly one Host field")

    def _judge_field(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            self._judge_transfer_encoding(value)
        elif name == b"content-length" and int(value) > self._largest:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content length above the limit")
        elif name == b"expect" and value.lower() != b"100-continue":
            self._refuse(HTTPStatus.EXPECTATION_FAILED, "expectation not known")

    def _judge_transfer_encoding(self, value: bytes) -> None:
        if value.lower() != b"chunked" or self.parser.get_http_version() != "1.1":
            self._refuse(HTTPStatus.BAD_REQUEST, "transfer encoding not accepted")

    # --- refusing ---

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._status, self._reason = status, reason
        raise _Refused

    def send_400_response(self, msg: str) -> None:
        """Called when the parser stopped: at bad framing, or because a limit was passed."""
        self._answer(self._status or HTTPStatus.BAD_REQUEST, self._reason or msg)

    def _answer(self, status: HTTPStatus, reason: str) -> None:
        """Answer in place of the application, close, report. Behind a begun answer only the close is left."""
        self._status = status
        # A refused peer was reported when it came in.
        if self._peer.refusal is None:
            self._on_abuse(self._peer, reason)
        waiting = self.cycle is not None and not self.cycle.response_complete
        if waiting and self.cycle.response_started:
            self.transport.abort()
            return
        if waiting:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_response(status))
        self.transport.close()

    def check(self, now: float) -> None:
        """End what takes too long; called a few times a second. `now` is the time of the event loop."""
        if self._status is not None or self.transport is None or self.transport.is_closing():
            return
        if self._stalled and now - self._stalled > self._limits.request_seconds:
            self._on_abuse(self._peer, "answer not read in time")
            self.transport.abort()
        elif self._since and self._stage is Stage.HEAD:
            self._check_head(now)
        elif self._since and self._stage is Stage.BODY:
            self._check_body(now)

    def _check_head(self, now: float) -> None:
        if now - self._since > self._limits.request_head_seconds:
            self._status = HTTPStatus.REQUEST_TIMEOUT
            self._on_abuse(self._peer, "head not received in time")
            self.transport.close()

    def _check_body(self, now: float) -> None:
        grace = self._limits.body_rate_grace_seconds
        started, counted = self._window
        # What came in so far lengthens the time: a large document may take as long as an honest line needs.
        earned = self._body_bytes / self._limits.long_body_rate_minimum
        if now - self._since > self._limits.request_seconds + earned:
            self._answer(HTTPStatus.REQUEST_TIMEOUT, "request not received in time")
        elif now - started >= grace:
            self._window = (now, self._body_bytes)
            # A peer that waits for us is not slow.
            slow = self._body_bytes - counted < self._limits.body_rate_minimum * grace
            if slow and not self.flow.read_paused:
                self._answer(HTTPStatus.REQUEST_TIMEOUT, "body slower than the minimum rate")


def _response(status: HTTPStatus) -> bytes:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    return head.encode("ascii")
