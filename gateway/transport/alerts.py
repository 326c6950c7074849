"""Sends the TLS alert of a failed handshake, which the event loops drop (RFC 8446 section 6.2)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from contextvars import ContextVar
from typing import cast

LINGER_SECONDS = 1.0

ACCEPTED: ContextVar[socket.socket | None] = ContextVar("accepted", default=None)
"""The socket whose handshake begins in this context; set by the one who accepted it."""


class AlertingObject(ssl.SSLObject):
    """A TLS connection that, when its handshake fails, tells the peer why before the socket is closed."""

    outgoing: ssl.MemoryBIO
    accepted: socket.socket | None

    def do_handshake(self) -> None:
        """One step of the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self._send_alert()
            raise

    def _send_alert(self) -> None:
        alert = self.outgoing.read()
        if self.accepted is None or not alert:
            return
        # The peer may be gone, or its window full; then there is nobody to tell.
        with contextlib.suppress(OSError):
            self.accepted.send(alert)
            _linger(self.accepted.dup())


def _linger(sock: socket.socket) -> None:
    """Keep the connection half open for a moment: a close with unread bytes would destroy the alert."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    asyncio.get_running_loop().call_later(LINGER_SECONDS, sock.close)


class AlertingContext(ssl.SSLContext):
    """A context whose connections are AlertingObjects."""

    sslobject_class = AlertingObject

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  # the signature of the base class
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> AlertingObject:
        """As the base class, and the object knows where its alert goes."""
        made = cast(
            "AlertingObject", super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        )
        made.outgoing = outgoing
        made.accepted = ACCEPTED.get()
        return made
