"""Which scopes of a token cover a transaction: its code, or SMART scopes of its resource (IUA, SMART)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.declare.bindings import Fhir
from gateway.declare.transaction import AnyTransaction
from gateway.errors import ScopeMissing
from gateway.record.people import Principal, SubjectKind

_SMART = re.compile(
    r"(?P<context>patient|user|system)/(?P<resource>[A-Z][A-Za-z]*|\*)"
    r"\.(?P<access>read|write|\*|(?=[cruds])c?r?u?d?s?)"
)
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Needed:
    """What a transaction does, in the words of SMART: `resource` with all of the `letters` of "cruds".

    Without a resource only the `code` of the transaction covers it.
    """

    code: str
    resource: str | None
    letters: frozenset[str]

    @property
    def scopes(self) -> tuple[str, ...]:
        """What would be enough, for the answer to whoever lacks it."""
        if self.resource is None:
            return (self.code,)
        letters = "".join(each for each in "cruds" if each in self.letters)
        return self.code, f"user/{self.resource}.{letters}"


def needed(transaction: AnyTransaction) -> Needed:
    """From the declaration of a transaction."""
    binding = transaction.binding
    if not isinstance(binding, Fhir):
        return Needed(transaction.code, None, frozenset())
    steps = binding.path.strip("/").split("/")
    resource = steps[0] if steps[0][:1].isupper() else None
    return Needed(transaction.code, resource, frozenset(_letters(binding, steps, transaction)))


def check_scopes(principal: Principal, transaction: AnyTransaction) -> None:
    """ScopeMissing unless a scope of the token covers the transaction; proofs without scopes need none."""
    scopes = principal.scopes
    if scopes is None or transaction.action.of_server or transaction.code in scopes:
        return
    wanted = needed(transaction)
    if _smart(principal, wanted):
        return
    raise ScopeMissing("the token was not granted for this transaction", scopes=wanted.scopes)


def _letters(binding: Fhir, steps: list[str], transaction: AnyTransaction) -> str:
    if any(step.startswith("$") for step in steps):
        return "cu" if transaction.action.writes else "s"
    if binding.method == "GET":
        return "r" if len(steps) > 1 else "s"
    return {"POST": "c", "PUT": "cu" if binding.conditional else "u", "PATCH": "u", "DELETE": "d"}[
        binding.method
    ]


def _smart(principal: Principal, wanted: Needed) -> bool:
    """Whether SMART scopes together give every letter. One with a restriction behind it gives none."""
    given: set[str] = set()
    for scope in principal.scopes or ():
        match = _SMART.fullmatch(scope)
        if match and match["resource"] in {wanted.resource, "*"} and _is_theirs(principal, match["context"]):
            given.update(_FIRST_VERSION.get(match["access"], match["access"]))
    return wanted.resource is not None and wanted.letters <= given


def _is_theirs(principal: Principal, context: str) -> bool:
    """patient/ needs a token for one patient, user/ a person, system/ a system."""
    if context == "patient":
        return principal.patient is not None
    return (principal.kind is SubjectKind.NODE) is (context == "system")
