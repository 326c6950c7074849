"""The HTTP application: which wire form answers at which path; all else is refused unread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.declare.bindings import Content, Intake, Raw, Sealed
from gateway.errors import GatewayError, Incomplete, MethodRefused, NodeRefused, TransactionUnknown
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import WireForm
from gateway.pipeline.run import refuse, run
from gateway.pipeline.stages import admitted
from gateway.stores.threads import in_thread
from gateway.transport.body import stream_body, take_body
from gateway.transport.gate import Peer
from gateway.transport.http import LINK, PEER

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

STEP = 512 * 1024
"""Octets of a large answer that are made and sent at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A path (or, with `below`, all paths under it), the wire form behind it, the methods it takes.

    `largest` bounds a body that is held in memory, `largest_package` one that an intake takes apart.
    """

    path: str
    form: WireForm
    methods: frozenset[str]
    largest: int
    largest_package: int = 0
    below: bool = False
    intake: Callable[[Mapping[str, str]], Intake | None] | None = None
    """By the headers, what takes a body apart while it is read; Malformed where they do not say how."""
    document: Callable[[], bytes] | None = None
    """Writes the service contract that GET ?wsdl is answered with."""


class Application:
    """An ASGI application. It reads no message itself: a door hands the octets to the pipeline."""

    def __init__(self, engine: Engine, doors: tuple[Door, ...], public_url: str) -> None:
        self._engine = engine
        self._first = doors[0]
        self._exact = {door.path: door for door in doors}
        self._below = tuple(door for door in doors if door.below)
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        answer = await self._answer(scope, receive)
        try:
            await self._send(scope, send, answer)
        except GatewayError as error:
            # A part of it left already: it must not look complete.
            trace, told = answer.headers.get("x-request-id", ""), type(error).__name__
            self._engine.log.warning("answer broken off", trace=trace, error=told)
            scope[LINK].abort()
            await receive()

    async def _answer(self, scope: Scope, receive: Receive) -> Sealed:
        """A peer that must not be served is refused first, then what no door takes; then a body is read."""
        raw = self._raw(scope)
        door = self._door(raw.path)
        form = (door or self._first).form
        try:
            await self._admit(scope, raw, form)
            contract = _contract(door, raw)
            if contract is not None:
                return contract
            door = _taking(door, raw.method)
            return await self._taken(door, raw, scope, receive)
        except Incomplete as error:
            # Nothing was read of it; where the transport ended it for a reason, it has told the audit.
            return _plain(400, error.detail)
        except Exception as error:  # noqa: BLE001 - fail closed: whatever went wrong becomes a refusal
            return await refuse(raw, form, self._engine, error, _own_answer(error))

    async def _taken(self, door: Door, raw: Raw, scope: Scope, receive: Receive) -> Sealed:
        """Reads the body and runs the message; what it left outside memory is removed in the end."""
        intake, failure = _intake(door, raw)
        largest = door.largest if intake is None else door.largest_package
        try:
            chunks = stream_body(receive, largest, scope["headers"])
            taken = await take_body(chunks, intake, self._engine.heavy)
            message = replace(
                raw,
                body=taken.body,
                sha256=taken.sha256,
                package=taken.package,
                failure=failure or taken.failure,
            )
            return await run(message, door.form, self._engine)
        finally:
            if intake is not None and intake.outside:
                await in_thread(intake.discard)

    async def _send(self, scope: Scope, send: Send, answer: Sealed) -> None:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()
        ]
        headers.append((b"content-length", str(answer.size).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        pieces = list(answer.pieces)
        last = pieces.pop() if pieces and isinstance(pieces[-1], bytes) else b""
        for piece in pieces:
            if isinstance(piece, bytes):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            else:
                await self._stream(scope, send, piece)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _stream(self, scope: Scope, send: Send, content: Content) -> None:
        """Content in steps, each made in a thread when the peer has taken the one before."""
        chunks = content.chunks()
        while step := await self._engine.heavy.do(_step, chunks):
            if scope[LINK].is_closing():
                raise Incomplete("the peer left before the answer was sent")
            await send({"type": "http.response.body", "body": step, "more_body": True})

    def _door(self, path: str) -> Door | None:
        below = (each for each in self._below if path.startswith(f"{each.path}/"))
        return self._exact.get(path) or next(below, None)

    async def _admit(self, scope: Scope, raw: Raw, form: WireForm) -> None:
        """At a door for persons, whose certificate it is is looked up in the first stage."""
        peer: Peer = scope[PEER]
        if peer.refusal is not None:
            raise NodeRefused(peer.refusal)
        if form.admits_persons:
            return
        engine = self._engine
        await admitted(raw.peer_certificate or b"", raw.peer_host, engine.clock(), engine)

    def _raw(self, scope: Scope) -> Raw:
        peer: Peer = scope[PEER]
        query = scope["query_string"].decode("latin-1")
        path = str(scope["path"])
        return Raw(
            method=str(scope["method"]),
            path=path,
            query=query,
            target=f"{self._public_url}{path}" + (f"?{query}" if query else ""),
            headers=_headers(scope),
            peer_certificate=peer.certificate or None,
            peer_host=peer.host,
            received=self._engine.clock(),
        )


def _intake(door: Door, raw: Raw) -> tuple[Intake | None, Exception | None]:
    """What takes the body apart, if anything does; or why it cannot."""
    if door.intake is None:
        return None, None
    try:
        return door.intake(raw.headers), None
    except Exception as error:  # noqa: BLE001 - the pipeline refuses the message for it
        return None, error


def _contract(door: Door | None, raw: Raw) -> Sealed | None:
    """The service contract, where it is asked for."""
    if door is None or door.document is None or raw.method != "GET" or raw.query.lower() != "wsdl":
        return None
    return Sealed(headers={"content-type": "text/xml; charset=utf-8"}, pieces=(door.document(),))


def _taking(door: Door | None, method: str) -> Door:
    """The door, if there is one and it takes the method."""
    if door is None:
        raise TransactionUnknown("nothing answers at this path")
    if method not in door.methods:
        raise MethodRefused("this method is not taken here", allowed=tuple(sorted(door.methods)))
    return door


def _own_answer(error: Exception) -> Sealed | None:
    """The answer to what never came to a wire form; None where the form has its own."""
    match error:
        case TransactionUnknown():
            return _plain(404, error.detail)
        case MethodRefused():
            return _plain(405, error.detail, allow=", ".join(error.allowed))
        case _:
            return None


def _headers(scope: Scope) -> dict[str, str]:
    """Repeated headers are joined, so that none can hide behind another."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _plain(status: int, text: str, **headers: str) -> Sealed:
    return Sealed(
        status=status,
        headers={"content-type": "text/plain; charset=utf-8", **headers},
        pieces=(f"{text}\n".encode(),),
    )


def _step(chunks: Iterator[bytes]) -> bytes:
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= STEP:
            break
    return b"".join(held)
