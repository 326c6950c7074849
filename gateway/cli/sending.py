"""The deliverer of an installation: our TLS client identity, and the receiver judged as an enrolled node."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.cli.compose import Gateway
from gateway.client.mllp import MllpClient
from gateway.errors import Busy, SignerRefused
from gateway.record.people import Node
from gateway.transport.callback import Answered, post
from gateway.transport.deliverer import Deliverer
from gateway.transport.tls import ServerTls, client_context

IDLE_SECONDS = 20.0
"""A connection that was silent for longer is not used again: who took part in it may be gone unheard."""
_OK = 200


def deliverer(gateway: Gateway) -> Deliverer:
    """What delivers the replies and notifications of this gateway."""
    return Deliverer(
        engine=gateway.engine,
        settings=gateway.settings.outbox,
        node_named=gateway.nodes.named,
        send=Sender(gateway),
    )


@dataclass(slots=True)
class _Line:
    """A connection that is kept for the next message, and when it was used last (time of the event loop)."""

    client: MllpClient
    used: float


class Sender:
    """Sends to a node. The receiver must show a certificate that the node is enrolled with (ITI-19)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tls = ServerTls(
            gateway.settings.tls,
            alert=lambda error: gateway.engine.log.error("tls files refused", reason=str(error)),
            make=client_context,
        )
        self._lines: dict[tuple[str, str], _Line] = {}

    async def __call__(
        self, node: Node, address: str, headers: Mapping[str, str], body: bytes, *, read: bool
    ) -> tuple[Answered, bytes]:
        """The answer, and the certificate the receiver showed."""
        if address.startswith("mllps:"):
            return await self._over_mllp(node, address, body)
        shown: list[bytes] = []

        def check(certificate: bytes, suite: str) -> None:
            self._check(node, certificate, suite)
            shown.append(certificate)

        answered = await post(
            address,
            headers,
            body,
            context=self._tls.context(),
            check=check,
            seconds=self._gateway.settings.outbox.attempt_seconds,
            now=self._gateway.engine.clock(),
            read=read,
        )
        return answered, shown[0]

    async def close(self) -> None:
        """Ends the connections that were kept."""
        lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            await line.client.close()

    async def _over_mllp(self, node: Node, address: str, body: bytes) -> tuple[Answered, bytes]:
        """One message at a time: the acknowledgement is awaited before the next (original mode)."""
        lane = (node.name, address)
        client = await self._line(lane, address)
        try:
            certificate, suite = client.peer
            self._check(node, certificate, suite)
            answer = await client.send(body)
        except BaseException:
            await client.close()
            raise
        self._lines[lane] = _Line(client, asyncio.get_running_loop().time())
        return Answered(_OK, body=answer), certificate

    async def _line(self, lane: tuple[str, str], address: str) -> MllpClient:
        """The connection that was kept, if it still serves; else a new one."""
        kept = self._lines.pop(lane, None)
        if kept is not None:
            fresh = asyncio.get_running_loop().time() - kept.used < IDLE_SECONDS
            if fresh and kept.client.usable:
                return kept.client
            await kept.client.close()
        parts = urlsplit(address)
        try:
            return await MllpClient.connect(
                parts.hostname or "",
                parts.port or 0,
                self._tls.context(),
                seconds=self._gateway.settings.outbox.attempt_seconds,
            )
        except ssl.SSLCertVerificationError as error:
            raise SignerRefused("the certificate of the receiver is not trusted for this address") from error
        except (OSError, TimeoutError) as error:
            raise Busy(f"the receiver did not answer ({type(error).__name__})") from error

    def _check(self, node: Node, certificate: bytes, suite: str) -> None:
        refusal = self._tls.refusal(certificate, suite)
        if refusal is not None:
            raise SignerRefused(refusal)
        self._gateway.nodes.trusted_signer(node, certificate, self._gateway.engine.clock())
