"""Rules of the patient identity feed at a Document Registry (ITI TF-2 3.8.4, Appendix E)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import lru_cache

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.context import FIRST, IDENTIFIER, SECOND, SUBSUMED, SURVIVOR
from gateway.record.domain import Domain
from gateway.record.people import PatientId

SEXES = frozenset("FMOUAN")
"""Table 0001."""

ISO = "ISO"
"""Universal id type of an OID (table 0301)."""

_LONGEST_ID = 128
_LONGEST_VALUE = 1_000
_ORDER = re.compile(r"[1-9]\d?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9-]{1,20}")
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


@lru_cache(maxsize=1_024)
def place(path: str) -> str:
    """The location in ERR of a path: PID[2]-5[3].1 is PID^2^5^3^1; one without repetition names the field."""
    segment, _, rest = path.partition("-")
    name, _, number = segment.rstrip("]").partition("[")
    field, _, below = rest.partition(".")
    field, _, repetition = field.rstrip("]").partition("[")
    parts = [name, number or "1", field]
    if repetition or below:
        parts += [repetition or "1", *below.split(".")] if below else [repetition]
    return "^".join(parts)


def merged_pair(message: Message, domain: Domain) -> tuple[PatientId, PatientId]:
    """MRG-1, which ends, and the identifier of the same domain in PID-3, which stays.

    Refused when they have no domain in common (204), or several (205): one message tells of one pair.
    """
    ends = {each.root: each for each in identifiers(message, "MRG-1", domain)}
    stay = identifiers(message, "PID-3", domain)
    pairs = [(ends[each.root], each) for each in stay if each.root in ends]
    if not pairs:
        raise refused(Meaning.UNKNOWN_KEY, "MRG-1 and PID-3 are of different authorities", "MRG^1^1^1^4")
    # An identifier that stands in both lists is not what the message is about.
    different = [pair for pair in pairs if pair[0] != pair[1]] or pairs
    if len(different) > 1:
        raise refused(Meaning.DUPLICATE_KEY, "several identifiers were sent, expected one", "MRG^1^1")
    return different[0]


def identifiers(message: Message, field: str, domain: Domain) -> tuple[PatientId, ...]:
    """The identifiers of known domains in PID-3 or MRG-1, the affinity domain first; others are passed over.

    Refused when the field is empty (101), or no identifier is of a known domain (204).
    """
    if not message.value(field):
        raise refused(Meaning.REQUIRED_FIELD, f"{field} is missing", place(field))
    paths = [f"{field}[{number}]" for number in range(1, message.repetitions(field) + 1)]
    accepted = {path: root for path in paths if (root := _known_root(message, path, domain)) is not None}
    if not accepted:
        text = "No authority configured for any of the identifiers sent"
        raise refused(Meaning.UNKNOWN_KEY, text, place(f"{paths[0]}.4"))
    found = {
        PatientId(extension(value, place(f"{path}.1")), root)
        for path, root in accepted.items()
        if (value := message.value(f"{path}.1"))
    }
    if not found:
        raise refused(Meaning.REQUIRED_FIELD, f"{field}.1 is missing", place(f"{next(iter(accepted))}.1"))
    return tuple(
        sorted(found, key=lambda each: (each.root != domain.affinity_root, each.root, each.extension))
    )


def known_identifier(message: Message, path: str, domain: Domain) -> PatientId | None:
    """A CX, if it is of a known domain and has a value."""
    root, value = _known_root(message, path, domain), message.value(f"{path}.1")
    return PatientId(extension(value, place(f"{path}.1")), root) if root is not None and value else None


def _known_root(message: Message, path: str, domain: Domain) -> str | None:
    root = _authority(message, f"{path}.4", domain)
    return root if root in domain.identity_domains else None


def _authority(message: Message, path: str, domain: Domain) -> str | None:
    """The OID of an assigning authority, by namespace, by OID or by both; None when it is not known here.

    One that was not sent is that of the sender (ITI TF-2 3.8.4.1.3). One that was sent with nothing in it
    names nobody: taking it for ours could give a number of a hospital to another person.
    """
    if not message.raw(path):
        return domain.root_of_sender(message.value("MSH-3.1") or "", message.value("MSH-4.1") or "")
    namespace = message.value(f"{path}.1")
    oid = message.value(f"{path}.2") if message.value(f"{path}.3") == ISO else None
    by_name = domain.root_of_namespace(namespace) if namespace else None
    if namespace and oid and by_name != oid and (by_name is not None or oid in domain.identity_domains):
        raise refused(Meaning.UNKNOWN_KEY, "namespace and OID name two different authorities", place(path))
    return oid or by_name


def extension(value: str, location: str) -> str:
    """Registered documents name patients by CX text, where an identifier cannot hold delimiters."""
    if len(value) > _LONGEST_ID or not _ID.fullmatch(value):
        raise refused(
            Meaning.DATA_TYPE, f"an identifier has delimiters or more than {_LONGEST_ID} characters", location
        )
    return value


def checked_date(value: str | None, location: str) -> str | None:
    """A TS of any precision: YYYY[MM[DD[HHMM[SS[.S]]]]][+ZZZZ]."""
    if value:
        match = _TS.fullmatch(value)
        if match is None or not _exists(match):
            raise refused(Meaning.DATA_TYPE, "not a date of the form YYYY[MM[DD]]", location)
    return value


def _exists(match: re.Match[str]) -> bool:
    try:
        date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return False
    return True


def checked_sex(value: str | None, location: str) -> str | None:
    """A code of table 0001."""
    if value and value not in SEXES:
        raise refused(Meaning.TABLE_VALUE, "not a code of table 0001", location)
    return value


def checked_flag(value: str | None, location: str) -> str | None:
    """Y or N (table 0136)."""
    if value and value not in {"Y", "N"}:
        raise refused(Meaning.TABLE_VALUE, "neither Y nor N", location)
    return value


def checked_order(value: str | None, location: str) -> str | None:
    """A number that counts from 1."""
    if value and not _ORDER.fullmatch(value):
        raise refused(Meaning.DATA_TYPE, "not a number from 1 to 99", location)
    return value


def checked_code(value: str | None, location: str) -> str | None:
    """A code of a table that users may add to."""
    if value and not _CODE.fullmatch(value):
        raise refused(Meaning.TABLE_VALUE, "not a code of letters, digits and hyphens", location)
    return value


def bounded(value: str, location: str, most: int = _LONGEST_VALUE) -> str:
    """A text that is not too long to be kept."""
    if len(value) > most:
        raise refused(Meaning.DATA_TYPE, f"longer than {most} characters", location)
    return value


PLACES = {
    IDENTIFIER: "PID^1^3^1^1",
    SURVIVOR: "PID^1^3^1^1",
    SUBSUMED: "MRG^1^1^1^1",
    FIRST: "PID^1^3^1^1",
    SECOND: "PID^2^3^1^1",
}
"""Where the problems of the index stand in a feed."""


def placed(error: Refused) -> Refused:
    """A refusal of the index, with the places of HL7 v2."""
    return Refused(*(replace(each, location=PLACES.get(each.location or "")) for each in error.problems))
