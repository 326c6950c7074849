"""The gateway of the PIX tests, with domains of two hospitals and one that others keep for themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.declare.transaction import Profile
from gateway.record.domain import Domain, IdentityDomain, Kind
from profiles.pam.profile import PROFILE as PAM
from profiles.pdq.profile import PROFILE as PDQ
from profiles.pix.profile import PROFILE as PIX
from tests.profiles.pdq.answers import ANNE, JO, Feed
from tests.profiles.pix.conftest import NODE, adt, empty, gateway  # noqa: F401 - fixtures
from tests.profiles.pix.conftest import domain as pix_domain  # noqa: F401 - a fixture

AFFINITY, LAB, RAD, SECRET, NATIONAL = "2.999.1.1", "2.999.3.1", "2.999.3.2", "2.999.3.3", "2.999.3.4"


@pytest.fixture
def domain(pix_domain: Domain) -> Domain:  # noqa: F811 - the fixture
    identities = {
        LAB: IdentityDomain(namespace="LAB", root=LAB),
        RAD: IdentityDomain(namespace="RAD", root=RAD),
        SECRET: IdentityDomain(namespace="SECRET", root=SECRET, readers=frozenset({"another"})),
        NATIONAL: IdentityDomain(namespace="NAT", root=NATIONAL, kind=Kind.NATIONAL),
    }
    return replace(pix_domain, identities=identities)


@pytest.fixture
def spoken() -> Sequence[Profile]:
    return (PIX, PDQ, PAM)


@pytest.fixture
def node() -> str:
    return NODE.replace('"ITI-8"', '"ITI-8", "ITI-21", "ITI-22", "ITI-31"')


@pytest.fixture
def feed(gateway: Any, adt: Callable[..., tuple[str, ...]]) -> Callable[..., None]:  # noqa: F811 - fixtures
    """feed("A1", lab="L1", pid_5="Doe^Jo"): makes a person known by identifiers in some domains."""

    def make(affinity: str = "", lab: str = "", rad: str = "", secret: str = "", **told: str) -> None:
        given = ((affinity, AFFINITY), (lab, LAB), (rad, RAD), (secret, SECRET))
        listed = "~".join(f"{number}^^^&{root}&ISO" for number, root in given if number)
        answer = gateway.send(*adt("A01", listed, **told))
        assert answer.field("MSA-1") == "AA", answer.octets

    return make


@pytest.fixture
def query() -> Callable[..., list[str]]:
    """query("@PID.5.1.1^Doe", rcp="2^RD"): the segments of a QBP^Q22."""
    numbers = itertools.count(1)

    def make(
        *parameters: str,
        targets: str = "",
        tag: str = "tag-1",
        rcp: str = "",
        pointer: str = "",
        trigger: str = "Q22",
        charset: str = "UNICODE UTF-8",
        confidence: str = "",
    ) -> list[str]:
        head = f"MSH|^~\\&|KIS|HOSP|PDS|DSP|20261122||QBP^{trigger}^QBP_Q21|Q-{next(numbers)}|P|2.5"
        name = "IHE PDQ Query" if trigger == "Q22" else "IHE PDVQ Query"
        asked = ["QPD", name, tag, "~".join(parameters), confidence, "", "", "", targets]
        segments = [f"{head}||||||{charset}".rstrip("|"), "|".join(asked).rstrip("|"), f"RCP|I|{rcp}"]
        return [*segments, f"DSC|{pointer}|I"] if pointer else segments

    return make


@pytest.fixture
def cancel() -> Callable[[str], Sequence[str]]:
    """The segments of a QCN^J01."""
    numbers = itertools.count(1)

    def make(tag: str) -> Sequence[str]:
        head = f"MSH|^~\\&|KIS|HOSP|PDS|DSP|20261122||QCN^J01^QCN_J01|C-{next(numbers)}|P|2.5"
        return [head, f"QID|{tag}|IHE PDQ Query"]

    return make


@pytest.fixture
def two(feed: Feed) -> None:
    """Jo with identifiers of all domains, and Anne of the laboratory."""
    feed("A1", lab="L1", rad="R1", secret="S1", **JO)
    feed(lab="L2", **ANNE)
