"""Assigning authorities in queries and answers: by namespace, by OID, by both (ITI TF-2 Appendix E)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.bindings.hl7v2 import Message
from gateway.declare.bindings import Hl7Repetition
from gateway.record.domain import Domain
from gateway.record.people import PatientId

ISO = "ISO"
"""Universal id type of an OID (table 0301)."""

_LONGEST = 128
_MARKS = frozenset("|^~\\&")


@dataclass(frozen=True, slots=True)
class Authority:
    """An HD as it was sent. A universal id of another type than ISO is no OID and says nothing here."""

    namespace: str = ""
    universal: str = ""
    kind: str = ""

    @staticmethod
    def at(message: Message, path: str) -> Authority:
        """The HD in a component: `QPD-3.4`."""
        return Authority(*(message.value(f"{path}.{number}") or "" for number in (1, 2, 3)))

    @property
    def sent(self) -> bool:
        """Whether anything was sent."""
        return bool(self.namespace or self.universal)

    @property
    def oid(self) -> str:
        """The OID; empty without one."""
        return self.universal if self.kind == ISO else ""

    def root(self, domain: Domain) -> str | None:
        """The OID of a domain of patient identifiers; None for one that is not known here.

        Namespace and OID must name the same one: of two, neither is meant.
        """
        by_name = domain.root_of_namespace(self.namespace) if self.namespace else None
        root = self.oid or by_name
        if root is None or root not in domain.identity_domains or by_name not in {None, root}:
            return None
        return root


def is_identifier(value: str) -> bool:
    """Whether a text can be an identifier at all: the feeds take none with delimiters."""
    return len(value) <= _LONGEST and not _MARKS.intersection(value)


def qualified(identifier: PatientId, domain: Domain) -> Hl7Repetition:
    """CX with its assigning authority in full: namespace, OID, ISO."""
    known = domain.identity_domains.get(identifier.root)
    namespace = known.namespace if known is not None else ""
    return (identifier.extension, "", "", (namespace, identifier.root, ISO))
