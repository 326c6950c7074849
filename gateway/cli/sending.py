"""The deliverer of an installation: our TLS client identity, and the receiver judged as an enrolled node."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.cli.compose import Gateway
from gateway.errors import SignerRefused
from gateway.record.people import Node
from gateway.transport.callback import Answered, post
from gateway.transport.deliverer import Deliverer
from gateway.transport.tls import ServerTls, client_context


def deliverer(gateway: Gateway) -> Deliverer:
    """What delivers the replies of this gateway."""
    return Deliverer(
        engine=gateway.engine,
        settings=gateway.settings.outbox,
        node_named=gateway.nodes.named,
        post=Sender(gateway),
    )


class Sender:
    """Posts to a node. The receiver must show a certificate that the node is enrolled with (ITI-19)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tls = ServerTls(
            gateway.settings.tls,
            alert=lambda error: gateway.engine.log.error("tls files refused", reason=str(error)),
            make=client_context,
        )

    async def __call__(
        self, node: Node, address: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answered, bytes]:
        """The answer, and the certificate the receiver showed."""
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
        )
        return answered, shown[0]

    def _check(self, node: Node, certificate: bytes, suite: str) -> None:
        refusal = self._tls.refusal(certificate, suite)
        if refusal is not None:
            raise SignerRefused(refusal)
        self._gateway.nodes.trusted_signer(node, certificate, self._gateway.engine.clock())
