"""Service contracts (WSDL 1.1) of the SOAP endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.declare.transaction import AnyTransaction


def contract(path: str, transactions: Sequence[AnyTransaction], public_url: str) -> bytes | None:
    """The WSDL of one endpoint."""
    del path, transactions, public_url
    return None
