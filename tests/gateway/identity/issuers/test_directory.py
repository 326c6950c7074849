"""Issuers by files: taken up when they change, kept when they break, ended in time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.config import Issuer
from gateway.crypto.jwk import thumbprint
from gateway.errors import SettingsInvalid
from gateway.identity.issuers import IssuerDirectory
from gateway.identity.issuers.keys import IssuerKeys, KeyRing, from_certificates

Identity = Callable[..., Any]
NOW = datetime(2026, 3, 4, tzinfo=UTC)
AS = "https://as.example"


class Time:
    """Both clocks of a directory."""

    def __init__(self) -> None:
        self.seconds, self.utc = 0.0, NOW

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        self.utc += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def problems() -> list[SettingsInvalid]:
    return []


@pytest.fixture
def directory(time: Time, problems: list[SettingsInvalid]) -> Callable[..., IssuerDirectory]:
    def make(*issuers: Issuer) -> IssuerDirectory:
        return IssuerDirectory(
            issuers,
            audiences=frozenset({"https://us.example"}),
            max_life=timedelta(minutes=10),
            alert=problems.append,
            clock=lambda: time.seconds,
            utc=lambda: time.utc,
        )

    return make


def key_set(*kids: str) -> bytes:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    told = ECKey.import_key(public).as_dict(private=False)  # type: ignore[arg-type]
    return orjson.dumps({"keys": [{**told, "kid": kid} for kid in kids]})


def put(path: Path, data: bytes) -> Path:
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(data)
    os.replace(fresh, path)  # noqa: PTH105 - as an operator does
    return path


def test_a_key_set_and_its_grace(tmp_path: Path, directory: Any, time: Time) -> None:
    file = put(tmp_path / "keys.json", key_set("a", "b"))
    issuers = directory(Issuer(entity_id=AS, jwks=file, grace_seconds=30))
    first = issuers.trusted()
    assert list(first.tokens[AS].keys) == ["a", "b"]
    assert first.assertions == {}, "a key set signs no assertions"
    put(file, key_set("b", "c"))
    assert issuers.trusted() is first, "not looked at within a second"
    time.passes(1)
    assert sorted(issuers.trusted().tokens[AS].keys) == ["a", "b", "c"]
    time.passes(29)
    assert "a" in issuers.trusted().tokens[AS].keys
    time.passes(2)
    assert sorted(issuers.trusted().tokens[AS].keys) == ["b", "c"]
    assert issuers.trusted() is issuers.trusted()


def test_a_file_that_breaks(
    tmp_path: Path, directory: Any, time: Time, problems: list[SettingsInvalid]
) -> None:
    file = put(tmp_path / "keys.json", key_set("a"))
    issuers = directory(Issuer(entity_id=AS, jwks=file))
    put(file, b"{")
    for _ in range(3):
        time.passes(1)
        assert list(issuers.trusted().tokens[AS].keys) == ["a"]
    assert len(problems) == 1
    file.unlink()
    time.passes(1)
    assert list(issuers.trusted().tokens[AS].keys) == ["a"]
    with pytest.raises(SettingsInvalid):
        directory(Issuer(entity_id=AS, jwks=file))


def test_certificates(tmp_path: Path, directory: Any, identity: Identity, time: Time) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    pems = [identity("p256", name).certificate.public_bytes(Encoding.PEM) for name in ("new", "old")]
    new, old = (put(tmp_path / f"{at}.pem", pem) for at, pem in enumerate(pems))
    issuers = directory(Issuer(entity_id="urn:idp", certificate=new, previous=old))
    assert len(issuers.trusted().assertions["urn:idp"]) == 2
    assert issuers.trusted().tokens == {}, "no tokens without algorithms"
    put(old, pems[0])
    time.passes(1)
    assert len(issuers.trusted().assertions["urn:idp"]) == 1, "without any grace"
    tokens = directory(Issuer(entity_id="urn:idp", certificate=new, algorithms=("ES256",))).trusted().tokens
    assert list(tokens["urn:idp"].keys) == [thumbprint(identity("p256", "new").key.public_key())]


def test_what_an_issuer_says_of_its_tokens(tmp_path: Path, directory: Any) -> None:
    file = put(tmp_path / "keys.json", key_set("a"))
    plain, own = (
        directory(each).trusted().tokens[AS]
        for each in (
            Issuer(entity_id=AS, jwks=file),
            Issuer(
                entity_id=AS,
                jwks=file,
                algorithms=("RS256",),
                token_types=("application/AT+JWT", "JWT"),
                audience=("x",),
                bearer=True,
                max_life_seconds=60,
            ),
        )
    )
    assert "RS256" not in plain.algorithms
    assert (plain.audiences, plain.types, plain.bearer) == ({"https://us.example"}, {"at+jwt"}, False)
    assert (own.audiences, own.types, own.bearer) == ({"x"}, {"at+jwt", "jwt"}, True)
    assert (own.algorithms, own.max_life) == ({"RS256"}, timedelta(seconds=60))


def test_keys_that_end(identity: Identity) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    told = from_certificates(identity().certificate.public_bytes(Encoding.PEM), minimum_rsa=3072)
    ring = KeyRing(timedelta(seconds=10))
    ring.replace(IssuerKeys(told.keys, NOW + timedelta(seconds=5)), NOW)
    assert ring.next_end(NOW) == NOW + timedelta(seconds=5)
    assert ring.active(NOW) == told.keys
    assert ring.active(NOW + timedelta(seconds=5)) == ()
    ring.replace(IssuerKeys(), NOW)
    assert ring.active(NOW + timedelta(seconds=9)) == told.keys
    assert ring.active(NOW + timedelta(seconds=10)) == ()


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({}, "expected one of"),
        ({"jwks": Path("a"), "metadata": Path("b")}, "expected one of"),
        ({"discovery": "https://as.example/x"}, "needs trust"),
        ({"jwks": Path("a"), "metadata_signer": Path("b")}, "belongs to metadata"),
        ({"jwks": Path("a"), "previous": Path("b")}, "belongs to certificate"),
        ({"discovery": "http://as.example/x", "trust": Path("a")}, "discovery"),
        ({"jwks": Path("a"), "algorithms": ("HS256",)}, "algorithms"),
        ({"jwks": Path("a"), "algorithms": ("none",)}, "algorithms"),
    ],
)
def test_settings_that_are_refused(told: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Issuer(entity_id="x", **told)
