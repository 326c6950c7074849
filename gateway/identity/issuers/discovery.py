"""The key set of an authorization server, fetched from its published metadata (RFC 8414, OpenID Discovery).

Only configured addresses are called, over TLS with configured authorities, and never while a request waits.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from gateway.crypto import safejson
from gateway.crypto.jwk import read_key_set
from gateway.errors import GatewayError, SettingsInvalid
from gateway.identity.issuers.keys import IssuerKeys, KeyRing
from gateway.identity.issuers.sources import Alert

LARGEST = 256 * 1024
FETCH_SECONDS = 5.0
PAUSE_SECONDS = 60.0
_OK = 200


class DiscoverySource:
    """Keys that are fetched now and then, and once more, at most once a minute, for a key that is not known.

    While the server cannot be reached the last good keys are kept for `keep`.
    """

    def __init__(
        self,
        issuer: str,
        address: str,
        trust: Path,
        *,
        hosts: frozenset[str] = frozenset(),
        grace: timedelta,
        refresh: timedelta,
        keep: timedelta,
        minimum_rsa: int,
        alert: Alert,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._address, self._trust = issuer, address, trust
        self._hosts = hosts | {_host(address)}
        self._refresh, self._keep = refresh.total_seconds(), keep
        self._minimum_rsa = minimum_rsa
        self._alert, self._clock = alert, clock
        self.ring = KeyRing(grace)
        self._next = float("-inf")
        self._last = float("-inf")
        self._changed = False
        self._problem = ""

    def look(self, now: datetime) -> bool:  # noqa: ARG002 - all sources look alike
        """Whether a fetch has brought keys since the last look."""
        changed, self._changed = self._changed, False
        return changed

    def wanted(self) -> None:
        """Fetches as soon as the last fetch is a minute old, however often this is said."""
        self._next = min(self._next, self._last + PAUSE_SECONDS)

    def due(self) -> bool:
        """Whether it is time to fetch."""
        return self._clock() >= self._next

    async def fetch(self) -> None:
        """Fetches once; a failure is told, once for each kind, and tried again after a minute."""
        self._last = self._clock()
        self._next = self._last + PAUSE_SECONDS
        try:
            async with asyncio.timeout(2 * FETCH_SECONDS):
                told = await self._fetched()
        except (GatewayError, httpx.HTTPError, OSError, TimeoutError, httpx.InvalidURL) as error:
            self._tell(error.detail if isinstance(error, GatewayError) else type(error).__name__)
            return
        now = datetime.now(UTC)
        self.ring.replace(IssuerKeys(told.keys, now + self._keep), now)
        self._changed, self._problem = True, ""
        self._next = self._last + self._refresh

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            text = f"keys of {self._issuer} cannot be fetched: {problem}"
            self._alert(SettingsInvalid(text, location=self._address))

    async def _fetched(self) -> IssuerKeys:
        context = ssl.create_default_context(cafile=str(self._trust))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        async with httpx.AsyncClient(
            verify=context, timeout=FETCH_SECONDS, follow_redirects=False, trust_env=False
        ) as http:
            told = safejson.parse(await _get(http, self._address), 16)
            return IssuerKeys(
                read_key_set(await _get(http, self._key_address(told)), minimum_rsa=self._minimum_rsa)
            )

    def _key_address(self, told: object) -> str:
        """jwks_uri, if the metadata is of this issuer and the address on a host that is listed."""
        found = told if isinstance(told, dict) else {}
        if found.get("issuer") != self._issuer:
            raise SettingsInvalid("the metadata is of another issuer")
        address = found.get("jwks_uri")
        if not isinstance(address, str) or not address.startswith("https://") or "@" in address:
            raise SettingsInvalid("jwks_uri is no https address")
        if _host(address) not in self._hosts:
            raise SettingsInvalid("jwks_uri is on a host that is not listed in jwks_hosts")
        return address


def _host(address: str) -> str:
    """Host and port, in lower case."""
    return urlsplit(address).netloc.lower()


async def _get(http: httpx.AsyncClient, address: str) -> bytes:
    """The body of a 200 answer, within the limit."""
    async with http.stream("GET", address, headers={"accept": "application/json"}) as response:
        if response.status_code != _OK:
            raise SettingsInvalid(f"answered with status {response.status_code}")
        found = b""
        async for chunk in response.aiter_bytes():
            found += chunk
            if len(found) > LARGEST:
                raise SettingsInvalid(f"an answer of more than {LARGEST} bytes")
    return found
