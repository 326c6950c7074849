"""Sends audit events to a repository as FHIR batches (RESTful ATNA, option ATX: FHIR Feed, 3.20.4.3)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from gateway.errors import Busy, SignerRefused, TooLarge

_JSON = "application/fhir+json"
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TOO_LARGE = 413
_RESOURCE = "AuditEvent"


class Feed:
    """A receiver's FHIR base: `https://host:port/path`, over mutual TLS."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self._address = address
        self._http = httpx.AsyncClient(verify=context, timeout=_TIMEOUT, trust_env=False)

    async def post(self, events: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
        """Sends events in one batch; gives the HTTP status of each, in their order.

        Busy when the receiver is gone or takes no batch of ours now, TooLarge when it takes none of this
        size, SignerRefused when it does not prove that it is the one named.
        """
        entries = [{"resource": each, "request": {"method": "POST", "url": _RESOURCE}} for each in events]
        content = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
        answer = await self._send(content)
        if answer.status_code == _TOO_LARGE:
            raise TooLarge("the receiver takes no batch of this size")
        if not answer.is_success:
            raise Busy(f"the receiver refuses the batch with status {answer.status_code}")
        return _statuses(answer.content, len(events))

    async def close(self) -> None:
        """Ends its connections."""
        await self._http.aclose()

    async def _send(self, content: bytes) -> httpx.Response:
        headers = {"content-type": _JSON, "accept": _JSON}
        try:
            return await self._http.post(self._address, content=content, headers=headers)
        except httpx.HTTPError as error:
            if isinstance(_cause(error), ssl.SSLCertVerificationError):
                text = "the certificate of the receiver is not trusted for this address"
                raise SignerRefused(text) from error
            raise Busy(f"the receiver did not answer ({type(error).__name__})") from error


def _cause(error: BaseException) -> BaseException:
    """Where an error came from."""
    inner = error.__cause__ or error.__context__
    return error if inner is None else _cause(inner)


def _statuses(content: bytes, count: int) -> tuple[int, ...]:
    """Of each entry of a batch-response; Busy when the answer is none to this batch."""
    unclear = Busy("the receiver does not say what became of each event")
    try:
        entries = orjson.loads(content)["entry"]
        statuses = tuple(int(each["response"]["status"][:3]) for each in entries)
    except (ValueError, KeyError, TypeError) as error:
        raise unclear from error
    if len(statuses) != count:
        raise unclear
    return statuses
