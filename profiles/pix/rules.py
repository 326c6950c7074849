"""Rules of the patient identity feed at a Document Registry (ITI TF-2 3.8.4, Appendix E)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.context import IDENTIFIER, SUBSUMED, SURVIVOR
from gateway.record.domain import Domain
from gateway.record.people import PatientId

SEXES = frozenset("FMOUAN")
"""Table 0001."""

ISO = "ISO"
"""Universal id type of an OID (table 0301)."""

_LONGEST_ID = 128
_ID = re.compile(r"[^\s|^~\\&]+( +[^\s|^~\\&]+)*")
_TS = re.compile(
    r"(\d{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])"
    r"(?:([01]\d|2[0-3])[0-5]\d([0-5]\d(\.\d{1,4})?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem."""
    return Refused(Problem(meaning, text, location))


def require_segments(message: Message, *names: str) -> None:
    """Refused when a segment is missing, or stands more than once: one event is told by each message."""
    for name in names:
        count = message.segments(name)
        if count != 1:
            raise refused(Meaning.SEGMENT_SEQUENCE, f"{count} {name} segments were sent, expected 1", name)


def require_event(message: Message) -> None:
    """EVN-2 is there, and EVN-1 says nothing but the trigger (ITI TF-2 C.2.4)."""
    stated = message.value("EVN-1")
    if stated and stated != message.value("MSH-9.2"):
        raise refused(Meaning.TABLE_VALUE, "EVN-1 is not the trigger of MSH-9", "EVN^1^1")
    if not message.value("EVN-2.1"):
        raise refused(Meaning.REQUIRED_FIELD, "EVN-2 is missing", "EVN^1^2")


def identifier(message: Message, field: str, domain: Domain) -> PatientId:
    """The one identifier in PID-3 or MRG-1; refused when there are several (205), or as `identifiers`."""
    found = identifiers(message, field, domain)
    if len(found) > 1:
        raise refused(
            Meaning.DUPLICATE_KEY, "several identifiers were sent, expected one", field.replace("-", "^1^")
        )
    return found[0]


def identifiers(message: Message, field: str, domain: Domain) -> tuple[PatientId, ...]:
    """The identifiers of known domains in PID-3 or MRG-1; those of other domains are passed over.

    Refused when the field is empty (101), when no identifier is of a known domain (204), or several are of
    one (205).
    """
    place = field.replace("-", "^1^")
    if not message.value(field):
        raise refused(Meaning.REQUIRED_FIELD, f"{field} is missing", place)
    accepted = dict(_accepted(message, field, domain))
    if not accepted:
        raise refused(
            Meaning.UNKNOWN_KEY, "No authority configured for any of the identifiers sent", f"{place}^1^4"
        )
    found = {
        PatientId(_extension(value, f"{place}^{number}^1"), root)
        for number, root in accepted.items()
        if (value := message.value(f"{field}[{number}].1"))
    }
    if not found:
        raise refused(Meaning.REQUIRED_FIELD, f"{field}.1 is missing", f"{place}^{next(iter(accepted))}^1")
    if len({each.root for each in found}) < len(found):
        raise refused(
            Meaning.DUPLICATE_KEY, "several identifiers of one domain were sent, expected one", place
        )
    return tuple(sorted(found, key=lambda each: (each.root != domain.affinity_root, each.root)))


def _accepted(message: Message, field: str, domain: Domain) -> Iterator[tuple[int, str]]:
    for number in range(1, message.repetitions(field) + 1):
        root = _authority(message, f"{field}[{number}].4", domain, f"{field.replace('-', '^1^')}^{number}^4")
        if root is not None and root in domain.identity_domains:
            yield number, root


def _authority(message: Message, path: str, domain: Domain, place: str) -> str | None:
    """The OID of an assigning authority, by namespace, by OID or by both; None when it is not known here.

    An authority that was not sent is the affinity domain (ITI TF-2 3.8.4.1.3). One that was sent with
    nothing in it names nobody: taking it for ours could give a number of a hospital to another person.
    """
    if not message.raw(path):
        return domain.affinity_root
    namespace = message.value(f"{path}.1")
    oid = message.value(f"{path}.2") if message.value(f"{path}.3") == ISO else None
    by_name = domain.root_of_namespace(namespace) if namespace else None
    if namespace and oid and by_name != oid and (by_name is not None or oid in domain.identity_domains):
        raise refused(Meaning.UNKNOWN_KEY, "namespace and OID name two different authorities", place)
    return oid or by_name


def _extension(value: str, place: str) -> str:
    """Registered documents name patients by CX text, where an identifier cannot hold delimiters."""
    if len(value) > _LONGEST_ID or not _ID.fullmatch(value):
        raise refused(
            Meaning.DATA_TYPE, f"an identifier has delimiters or more than {_LONGEST_ID} characters", place
        )
    return value


def checked_date(value: str | None, place: str) -> str | None:
    """A TS of any precision: YYYY[MM[DD[HHMM[SS[.S]]]]][+ZZZZ]."""
    if value:
        match = _TS.fullmatch(value)
        if match is None or not _exists(match):
            raise refused(Meaning.DATA_TYPE, "not a date of the form YYYY[MM[DD]]", place)
    return value


def _exists(match: re.Match[str]) -> bool:
    try:
        date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return False
    return True


def checked_sex(value: str | None, place: str) -> str | None:
    """A code of table 0001."""
    if value and value not in SEXES:
        raise refused(Meaning.TABLE_VALUE, "PID-8 is not a code of table 0001", place)
    return value


PLACES = {IDENTIFIER: "PID^1^3^1^1", SURVIVOR: "PID^1^3^1^1", SUBSUMED: "MRG^1^1^1^1"}
"""Where the problems of the index stand in a feed."""


def placed(error: Refused) -> Refused:
    """A refusal of the index, with the places of HL7 v2."""
    return Refused(*(replace(each, location=PLACES.get(each.location or "")) for each in error.problems))
