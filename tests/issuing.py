"""An issuer of tokens with throw-away keys, in front of a directory that a test fills."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from gateway.crypto import pki
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import Signer, fingerprint
from gateway.record.people import Code, Node
from gateway.stores.keys import key_maker
from gateway.stores.revocations import RevocationStore, RevocationView
from gateway.stores.tokens import TokenStore
from gateway.tokens.people import Membership, Professional
from gateway.tokens.service import Terms, TokenService
from gateway.tokens.subject import Vocabulary

PHYSICIAN = Code("PHYSICIAN", "2.999.1.1", "Physician")
NURSE = Code("NURSE", "2.999.1.1")
GENERALIST = Code("2211", "2.16.840.1.113883.2.9.6.2.7")
TREATMENT = Code("TREAT", "2.16.840.1.113883.5.8", "treatment")
RULES = {"PHYSICIAN": "physician", "2211": "physician", "NURSE": "nurse"}
HOSPITAL, CLINIC = Membership("2.999.2.1", "Test Hospital"), Membership("2.999.2.8", "Clinic")
HART = Professional(
    uid="dr.hart",
    name="Dr Eva Hart",
    roles=(PHYSICIAN,),
    memberships=(HOSPITAL,),
    active=True,
    certificates={},
)
URL = "https://localhost:8443"
CLIENT = Node(
    name="portal",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.2.1",
    organisation_name="Test Hospital",
    transactions=frozenset({"ITI-67", "ITI-68", "ITI-71", "ITI-102"}),
    redirect_uris=("https://portal.example/callback",),
)
TERMS = Terms(
    issuer=URL,
    own=(URL,),
    others=frozenset({"https://images.example"}),
    home_community="2.999.1.2",
    access=timedelta(minutes=5),
    assertion=timedelta(minutes=5),
    code=timedelta(minutes=1),
    transactions=frozenset({"ITI-18", "ITI-67", "ITI-68", "ITI-71", "ITI-102", "ITI-103"}),
)
KNOWN = Vocabulary(
    role=lambda code: RULES.get(code.code), purpose=lambda code: code if code.code == "TREAT" else None
)


@dataclass
class Listed:
    """A directory of professionals in memory."""

    people: list[Professional] = field(default_factory=list)

    async def holder(self, thumbprint: str) -> Professional | None:
        found = [each for each in self.people if thumbprint in each.certificates]
        return found[0] if len(found) == 1 else None

    async def named(self, uid: str) -> Professional | None:
        return next((each for each in self.people if each.uid == uid), None)

    def enter(self, who: Professional, *certificates: bytes) -> Professional:
        """An entry with these certificates, in the place of one before."""
        held = {fingerprint(each): each for each in certificates}
        entered = replace(who, certificates=held or who.certificates)
        self.people = [each for each in self.people if each.uid != who.uid] + [entered]
        return entered


@dataclass
class Enrolled:
    """Nodes in memory."""

    nodes: dict[str, Node] = field(default_factory=lambda: {CLIENT.name: CLIENT})

    def named(self, name: str) -> Node | None:
        return self.nodes.get(name)


@cache
def authority() -> pki.Authority:
    return pki.create_authority("Test", "integration", datetime.now(UTC) - timedelta(days=1))


def person_signer(name: str = "dr.hart", by: pki.Authority | None = None) -> Signer:
    """A key of a person, and the certificate of it."""
    key = pki.create_key()
    at = datetime.now(UTC) - timedelta(hours=1)
    return Signer.of(key, pki.issue_client(by or authority(), name, "-", key.public_key(), at))


@cache
def own_signer() -> Signer:
    key = pki.create_key()
    return Signer.of(key, pki.issue_signer(authority(), "signing", key.public_key(), datetime.now(UTC)))


def token_service(database: Any, keys: KeyTree, **changes: Any) -> TokenService:
    """A service over a database; every part can be given instead."""
    parts = {
        "terms": TERMS,
        "store": TokenStore(database, keys),
        "professionals": Listed([HART]),
        "clients": Enrolled(),
        "revocations": RevocationView(RevocationStore(database, key_maker())),
        "vocabulary": KNOWN,
        "signer": own_signer(),
    }
    return TokenService(**(parts | changes))
