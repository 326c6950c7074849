"""Finds the TLS alert of a failed handshake, which the event loops drop (RFC 8446 section 6.2)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextvars import ContextVar
from typing import cast

ON_ALERT: ContextVar[Callable[[bytes], None] | None] = ContextVar("on_alert", default=None)
"""Takes the alert of the handshake that begins in this context; set by the one who accepted the socket."""


class AlertingObject(ssl.SSLObject):
    """A TLS connection that hands out the alert when its handshake fails."""

    outgoing: ssl.MemoryBIO
    on_alert: Callable[[bytes], None] | None

    def do_handshake(self) -> None:
        """One step of the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            alert = self.outgoing.read()
            if alert and self.on_alert is not None:
                self.on_alert(alert)
            raise


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
        """As the base class, and the object knows who takes its alert."""
        made = cast(
            "AlertingObject", super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        )
        made.outgoing = outgoing
        made.on_alert = ON_ALERT.get()
        return made
