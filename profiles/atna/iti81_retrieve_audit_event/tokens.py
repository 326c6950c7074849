"""What the tokens of a search stand for: agents, patients, objects, codes (RESTful ATNA 3.81.4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.events import Agent, AuditRecord, Entity, patient_name, patient_of
from gateway.record.people import Code, PatientId
from gateway.trail.fhir import ENTITY_TYPE, OBJECT_ROLE, system_of
from profiles.atna.errors import refused

Test = Callable[[AuditRecord], bool]

_OIDS, _URIS = "urn:oid:", "urn:ietf:rfc:3986"
_NEXT = re.compile(r"(?<!\\),")
_BAR = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\([,|$\\])")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_OLD_SYSTEMS = MappingProxyType(
    {
        "http://hl7.org/fhir/object-role": OBJECT_ROLE,
        "http://hl7.org/fhir/audit-entity-type": ENTITY_TYPE,
    }
)
"""As the supplement spells them, beside the names that FHIR R4 has."""


@dataclass(frozen=True, slots=True)
class Token:
    """`system` is None where none is given."""

    system: str | None
    value: str

    def means(self, code: str | None, system: str) -> bool:
        """Whether a code of a system is meant."""
        return code == self.value and (
            self.system is None or _OLD_SYSTEMS.get(self.system, self.system) == system
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One parameter: what events are found by in the index, if it tells that, and the test that they pass.

    `patients` are those that are named, if the parameter names patients.
    """

    test: Test
    terms: frozenset[str] = frozenset()
    patients: tuple[PatientId, ...] = ()


def tokens(name: str, value: str) -> list[Token]:
    """The alternatives of one parameter."""
    found = [_token(each) for each in _NEXT.split(value)]
    if any(not each.value for each in found):
        raise refused(Meaning.DATA_TYPE, f"{name}: expected <value>, or <system>|<value>", name)
    return found


def _token(text: str) -> Token:
    parts = [_ESCAPED.sub(r"\1", each) for each in _BAR.split(text, 1)]
    return Token(None, parts[0]) if len(parts) == 1 else Token(parts[0] or None, parts[1])


def values(name: str, value: str) -> list[str]:
    """The alternatives of one parameter that is text."""
    found = [_ESCAPED.sub(r"\1", each) for each in _NEXT.split(value)]
    if not all(found):
        raise refused(Meaning.DATA_TYPE, f"{name}: expected a value", name)
    return found


# --- who and what --------------------------------------------------------------------------------


def agents(name: str, value: str, _domain: Domain) -> Group:
    """Who took part: agent.who."""
    asked = tokens(name, value)
    return Group(
        terms=frozenset(f"agent|{each.value}" for each in asked),
        test=lambda record: any(_is_agent(agent, each) for agent in record.agents for each in asked),
    )


def _is_agent(agent: Agent, token: Token) -> bool:
    return agent.user_id == token.value and (token.system is None or agent.domain == token.system)


def patients(name: str, value: str, domain: Domain) -> Group:
    """Patients as objects, and as those who acted."""
    named = [_Named.of(each, domain) for each in tokens(name, value)]
    written = frozenset().union(*(each.written for each in named))

    def test(record: AuditRecord) -> bool:
        acting = (
            _is_agent(agent, each.token) for agent in record.agents for each in named if each.token.system
        )
        names = {*record.patients, *(agent.user_id for agent in record.agents)}
        return not written.isdisjoint(names) or any(acting)

    return Group(
        terms=frozenset(
            {
                *(f"{kind}|{each}" for each in written for kind in ("patient", "agent")),
                *(f"agent|{each.token.value}" for each in named if each.token.system),
            }
        ),
        patients=tuple(each.id for each in named),
        test=test,
    )


def entities(name: str, value: str, domain: Domain) -> Group:
    """entity.what; names patients where every alternative does."""
    asked = tokens(name, value)
    named = [_Named.of(each, domain) for each in asked]
    spelled = frozenset().union(*map(_spelled, asked))

    def test(record: AuditRecord) -> bool:
        return any(_is_entity(entity, each) for entity in record.entities for each in named)

    of_patients = all(_in_domain(each, domain) for each in named)
    return Group(
        terms=frozenset(f"entity|{name}" for name in spelled.union(*(each.written for each in named))),
        patients=tuple(each.id for each in named) if of_patients else (),
        test=test,
    )


def _is_entity(entity: Entity, asked: _Named) -> bool:
    if entity.is_patient:
        return patient_name(entity) in asked.written
    system = asked.token.system
    fits = system is None or entity.domain == system or (entity.domain is None and system == _URIS)
    return fits and entity.identifier in _spelled(asked.token)


def _spelled(token: Token) -> frozenset[str]:
    """An OID with and without its prefix."""
    bare = token.value.removeprefix(_OIDS)
    return frozenset({bare, f"{_OIDS}{bare}"}) if _OID.fullmatch(bare) else frozenset({token.value})


@dataclass(frozen=True, slots=True)
class _Named:
    """A patient as a token may mean one: the identifier, and how events write it."""

    token: Token
    id: PatientId
    written: frozenset[str]

    @classmethod
    def of(cls, token: Token, domain: Domain) -> _Named:
        """Without a system it may be of any domain; the patient named is one of the affinity domain."""
        whole = patient_of(token.value)
        if whole is not None:
            return cls(token, whole, frozenset({str(whole)}))
        if token.system is None:
            ids = [PatientId(token.value, root) for root in domain.identity_domains]
            written = frozenset({token.value, *map(str, ids)})
            return cls(token, PatientId(token.value, domain.affinity_root), written)
        known, told = domain.root_of_system(token.system), token.system.removeprefix(_OIDS)
        roots = {told} if known is None else {known, told}
        written = frozenset(str(PatientId(token.value, root)) for root in roots)
        return cls(token, PatientId(token.value, known or told), written)


def _in_domain(named: _Named, domain: Domain) -> bool:
    plain = named.token.system is None and patient_of(named.token.value) is None
    return not plain and named.id.root in domain.identity_domains


# --- codes ---------------------------------------------------------------------------------------


def is_one_of(codes: Iterable[Code], asked: Sequence[Token]) -> bool:
    """Whether one of the codes is meant by one of the tokens."""
    return any(
        each.value == code.code and each.system in {None, code.scheme, system_of(code.scheme)}
        for code in codes
        for each in asked
    )
