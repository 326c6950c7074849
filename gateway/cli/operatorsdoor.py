"""The operators' listener: log in, log out, who am I; for bastions only, told to the operators' trail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from cryptography import x509
from sqlalchemy.exc import SQLAlchemyError

from gateway.config.certificates import environments_of
from gateway.crypto.safejson import parse
from gateway.errors import (
    Busy,
    GatewayError,
    Malformed,
    MediaTypeUnsupported,
    MethodRefused,
    NodeRefused,
    OperatorRefused,
    TooLarge,
    TransactionUnknown,
)
from gateway.identity.nodes import NodeDirectory
from gateway.identity.operators import Login, OperatorDesk, Session
from gateway.pipeline.engine import Log
from gateway.transport.body import stream_body
from gateway.transport.gate import Failure, Peer
from gateway.transport.http import PEER

LARGEST = 4_096
MOST_AT_ONCE = 50
METHODS = {"/operators/login": "POST", "/operators/logout": "POST", "/operators/me": "GET"}
_FIELDS = {"login", "password", "code"}
_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (NodeRefused, 403),
    (TransactionUnknown, 404),
    (MethodRefused, 405),
    (OperatorRefused, 401),
    (TooLarge, 413),
    (MediaTypeUnsupported, 415),
    (Malformed, 400),
    (Busy, 503),
)
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Told = Mapping[str, object]


class Knocks:
    """Notes who came and was not let in. A flood of them costs a bounded number of lines at a time."""

    def __init__(self, desk: OperatorDesk, log: Log) -> None:
        self._desk = desk
        self._log = log
        self._running: set[asyncio.Task[None]] = set()
        self._left_out = 0

    def failure(self, peer: Peer, failure: Failure, detail: str) -> None:
        """A connection that did not come about."""
        self._later(self._desk.knock(peer.host, f"{failure.value}: {detail}"))

    def abuse(self, peer: Peer, detail: str) -> None:
        """A peer that broke a limit or the framing."""
        self._later(self._desk.knock(peer.host, detail))

    async def finish(self) -> None:
        """Waits for lines still being written."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _later(self, noting: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= MOST_AT_ONCE:
            noting.close()
            self._left_out += 1
            return
        task = asyncio.get_running_loop().create_task(noting)
        self._running.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("operators' trail not written", error=type(error).__name__)
        if self._left_out and not self._running:
            count, self._left_out = self._left_out, 0
            self._later(self._desk.knock("several", f"{count} more came faster than they could be noted"))


class OperatorsDoor:
    """An ASGI application. Whoever comes without a bastion's certificate gets no further."""

    def __init__(
        self,
        desk: OperatorDesk,
        bastions: frozenset[str],
        environment: str,
        nodes: NodeDirectory,
        knocks: Knocks,
    ) -> None:
        self._desk = desk
        self._bastions = bastions
        self._environment = environment
        self._nodes = nodes
        self._knocks = knocks

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        try:
            status, told = await self._answer(scope, receive)
        except GatewayError as error:
            status, told = _refusal(error)
        except SQLAlchemyError:
            status, told = 503, {"error": "the database does not answer"}
        body = orjson.dumps(told) if told else b""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Mapping[str, Any], receive: Receive) -> tuple[int, Told]:
        peer: Peer = scope[PEER]
        path, source = str(scope["path"]), peer.host
        self._admit(peer)
        try:
            _route(path, str(scope["method"]))
        except GatewayError as error:
            self._knocks.abuse(peer, error.detail)
            raise
        if path == "/operators/login":
            return 200, _session(await self._desk.login(await _login(scope, receive, source)), token=True)
        token = _bearer(scope)
        if path == "/operators/logout":
            await self._desk.logout(token, source)
            return 204, {}
        return 200, _session(await self._desk.who(token, source), token=False)

    def _admit(self, peer: Peer) -> None:
        """Raise NodeRefused unless the peer is a bastion with a certificate of this environment."""
        reason = peer.refusal or self._refusal(peer.certificate)
        if reason is not None:
            self._knocks.abuse(peer, reason)
            raise NodeRefused("only a bastion of this environment is served here")

    def _refusal(self, certificate: bytes) -> str | None:
        """Why a certificate is no bastion's. A partner system's never is, whatever the settings say."""
        fingerprint = sha256(certificate).hexdigest()
        node = next((each.name for each in self._nodes.nodes() if fingerprint in each.fingerprints), None)
        if node is not None:
            return f"node {node} is no bastion"
        if fingerprint not in self._bastions:
            return f"certificate {fingerprint[:16]} is no bastion's"
        if not _of(certificate, self._environment):
            return "the certificate of the bastion is of another environment"
        return None


def _of(der: bytes, environment: str) -> bool:
    return environments_of(x509.load_der_x509_certificate(der)) <= {environment}


def _route(path: str, method: str) -> None:
    expected = METHODS.get(path)
    if expected is None:
        raise TransactionUnknown("nothing answers at this path")
    if method != expected:
        raise MethodRefused("this method is not taken here", allowed=(expected,))


async def _login(scope: Mapping[str, Any], receive: Receive, source: str) -> Login:
    headers = scope["headers"]
    kind = dict(headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise MediaTypeUnsupported("expected application/json")
    body = b"".join([chunk async for chunk in stream_body(receive, LARGEST, headers)])
    given = parse(body, depth=1)
    if not isinstance(given, dict) or set(given) != _FIELDS:
        raise Malformed("expected login, password and code")
    if not all(isinstance(value, str) for value in given.values()):
        raise Malformed("expected texts")
    return Login(given["login"], given["password"], given["code"], source)


def _bearer(scope: Mapping[str, Any]) -> str:
    """The token of the request; one that is none of ours belongs to no session."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = (given[0] if len(given) == 1 else b"").partition(b" ")
    return token.decode("latin-1") if scheme.lower() == b"bearer" else ""


def _session(session: Session, *, token: bool) -> Told:
    operator = session.operator
    told = {
        "login": operator.login,
        "environment": operator.environment,
        "roles": sorted(operator.roles),
        "expires": _stamp(session.expires),
    }
    return {**told, "token": session.token} if token else told


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _refusal(error: GatewayError) -> tuple[int, Told]:
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    return status, {"error": error.detail if status != 500 else "internal error"}  # noqa: PLR2004
