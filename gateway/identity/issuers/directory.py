"""All trusted issuers of an installation, with the keys that count now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.config import Issuer
from gateway.crypto.jwk import NamedKey, read_key_set
from gateway.crypto.keys import PublicKey, load_certificates
from gateway.crypto.xmldsig import DEFAULT_POLICY, SignaturePolicy
from gateway.identity.issuers.discovery import DiscoverySource
from gateway.identity.issuers.keys import IssuerKeys, from_certificates
from gateway.identity.issuers.metadata import read_metadata
from gateway.identity.issuers.sources import Alert, FileSource, Source
from gateway.identity.jwt.policy import TokenIssuer

RECHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Trusted:
    """Who is trusted now; replaced as a whole when anything of it changes."""

    assertions: Mapping[str, tuple[PublicKey, ...]] = field(default_factory=dict)
    tokens: Mapping[str, TokenIssuer] = field(default_factory=dict)


class IssuerDirectory:
    """Reads the keys of all issuers and follows them.

    `audiences` are our names where an issuer has none of its own. `alert` is told of sources that cannot be
    used; at the start they raise SettingsInvalid.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        *,
        audiences: frozenset[str],
        max_life: timedelta,
        alert: Alert,
        signature: SignaturePolicy = DEFAULT_POLICY,
        clock: Callable[[], float] = time.monotonic,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._audiences, self._max_life, self._signature = audiences, max_life, signature
        self._clock, self._utc = clock, utc
        self._sources: list[tuple[Issuer, Source]] = [
            (each, _source(each, signature, utc(), alert)) for each in issuers
        ]
        self._view = self._made(utc())
        self._next_end = self._end(utc())
        self._next_check = clock() + RECHECK_SECONDS

    def trusted(self) -> Trusted:
        """Who is trusted now; the same object as long as nothing has changed."""
        at = self._clock()
        if at >= self._next_check:
            self._next_check = at + RECHECK_SECONDS
            self._look(self._utc())
        return self._view

    def unknown_key(self, name: str) -> None:
        """A token of this issuer names a key that is not known; perhaps the issuer has a new one."""
        for issuer, source in self._sources:
            if issuer.entity_id == name:
                source.wanted()

    async def run(self) -> None:
        """Looks at files and fetches what is due, until it is cancelled; one task for each worker."""
        fetched = [source for _, source in self._sources if isinstance(source, DiscoverySource)]
        while True:
            self.trusted()
            await asyncio.gather(*(source.fetch() for source in fetched if source.due()))
            await asyncio.sleep(RECHECK_SECONDS)

    def _look(self, now: datetime) -> None:
        changed = [source.look(now) for _, source in self._sources]
        ended = self._next_end is not None and now >= self._next_end
        if any(changed) or ended:
            self._view = self._made(now)
            self._next_end = self._end(now)

    def _end(self, now: datetime) -> datetime | None:
        ends = [source.ring.next_end(now) for _, source in self._sources]
        return min((end for end in ends if end is not None), default=None)

    def _made(self, now: datetime) -> Trusted:
        assertions: dict[str, tuple[PublicKey, ...]] = {}
        tokens: dict[str, TokenIssuer] = {}
        for issuer, source in self._sources:
            keys = source.ring.active(now)
            if issuer.certificate is not None or issuer.metadata is not None:
                told = tuple(each.key for each in keys)
                assertions[issuer.entity_id] = assertions.get(issuer.entity_id, ()) + told
            if issuer.token_algorithms:
                tokens[issuer.entity_id] = self._token_issuer(issuer, keys)
        return Trusted(assertions, tokens)

    def _token_issuer(self, issuer: Issuer, keys: Sequence[NamedKey]) -> TokenIssuer:
        life = self._max_life
        if issuer.max_life_seconds is not None:
            life = timedelta(seconds=issuer.max_life_seconds)
        return TokenIssuer(
            name=issuer.entity_id,
            keys={each.kid: each for each in keys},
            audiences=frozenset(issuer.audience) or self._audiences,
            algorithms=frozenset(issuer.token_algorithms),
            types=frozenset(each.lower().removeprefix("application/") for each in issuer.token_types),
            bearer=issuer.bearer,
            max_life=life,
        )


def _source(issuer: Issuer, signature: SignaturePolicy, now: datetime, alert: Alert) -> Source:
    if issuer.discovery is not None and issuer.trust is not None:
        return DiscoverySource(
            issuer.entity_id,
            issuer.discovery,
            issuer.trust,
            hosts=frozenset(host.lower() for host in issuer.jwks_hosts),
            grace=timedelta(seconds=issuer.grace_seconds),
            refresh=timedelta(seconds=issuer.refresh_seconds),
            keep=timedelta(seconds=issuer.keep_seconds),
            minimum_rsa=signature.minimum_rsa,
            alert=alert,
        )
    told = (issuer.certificate, issuer.previous, issuer.metadata, issuer.metadata_signer, issuer.jwks)
    paths = [path for path in told if path is not None]
    grace = timedelta(seconds=issuer.grace_seconds if issuer.jwks is not None else 0)
    return FileSource(paths, lambda files: _read(issuer, files, signature), now=now, grace=grace, alert=alert)


def _read(issuer: Issuer, files: Sequence[bytes], signature: SignaturePolicy) -> IssuerKeys:
    if issuer.jwks is not None:
        return IssuerKeys(read_key_set(files[0], minimum_rsa=signature.minimum_rsa))
    if issuer.metadata is not None:
        signers = load_certificates(files[1]) if len(files) > 1 else []
        return read_metadata(files[0], issuer.entity_id, signers, signature)
    return from_certificates(b"\n".join(files), minimum_rsa=signature.minimum_rsa)
