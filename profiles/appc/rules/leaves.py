"""The rules of a PolicySet with all their conditions: who, which documents, what, when (ITI TF-3 5.6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from gateway.record.access import Period
from gateway.record.consents import Directive
from gateway.record.people import Code, PatientId
from gateway.rights.documents import Known
from profiles.appc import codes
from profiles.appc.wire import Alternatives, Indeterminate, Match, Node, Reference, Rule, Target

_MOST = 1_000
_NAMES = {
    codes.SUBJECT_ID: {codes.STRING_EQUAL},
    codes.ORGANISATION_ID: {codes.STRING_EQUAL, codes.URI_EQUAL},
    codes.NATIONAL_PROVIDER_ID: {codes.STRING_EQUAL},
    codes.PROVIDER_ID: {codes.II_EQUAL},
}
_OBJECTS = {
    codes.RESOURCE_ID: {codes.STRING_EQUAL, codes.URI_EQUAL},
    codes.FOLDER_ID: {codes.STRING_EQUAL, codes.URI_EQUAL},
}
_BEHIND = {codes.UNTIL_DAY: timedelta(days=1), codes.UNTIL: timedelta(microseconds=1)}


class OtherPatient(Exception):
    """The policy is about another patient than the metadata say."""


@dataclass(frozen=True, slots=True)
class Who:
    """A person or organisation as the rights engine names it, None for anybody; a purpose of use, if told."""

    name: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A rule with the conditions of all that it stands in; or what a reference comes to, in `decided`.

    `whole`: the record; `documents`: uniqueIds of documents and folders; `folders`: whether there are folders
    among them. `actions` None: any.
    """

    permits: bool
    who: tuple[Who, ...]
    whole: bool
    documents: frozenset[str]
    folders: bool
    actions: frozenset[str] | None
    period: Period
    place: str
    decided: tuple[Directive, ...] | None = None


def references_of(node: Node) -> tuple[str, ...]:
    """The policies that are referred to, each once."""
    found: list[str] = []
    for each in node.children:
        if isinstance(each, Reference):
            found.append(each.name)
        elif isinstance(each, Node):
            found += references_of(each)
    return tuple(dict.fromkeys(found))


def leaves_of(node: Node, patient: PatientId, known: Known) -> dict[str, Leaf]:
    """Every rule and reference below a node in the order of the document, by its place.

    Indeterminate where a condition is none of those known here.
    """
    found: dict[str, Leaf] = {}
    said = 0
    for leaf in _below(node, (), patient, known):
        found[leaf.place] = leaf
        said += len(leaf.who) + len(leaf.documents)
        if said > _MOST:
            raise Indeterminate(leaf.place, f"with what stands before it, says more than {_MOST} things")
    return found


def _below(node: Node, above: tuple[Target, ...], patient: PatientId, known: Known) -> Iterator[Leaf]:
    path = (*above, node.target)
    for each in node.children:
        if isinstance(each, Node):
            yield from _below(each, path, patient, known)
        elif isinstance(each, Rule):
            yield _leaf(each.place, (*path, each.target), patient, known, permits=each.permits)
        else:
            decided = known.policies.get(each.name)
            if decided is None:
                raise Indeterminate(each.place, "is not a policy that this domain applies")
            yield _leaf(each.place, path, patient, known, permits=False, decided=decided)


def _leaf(
    place: str,
    path: Sequence[Target],
    patient: PatientId,
    known: Known,
    *,
    permits: bool,
    decided: tuple[Directive, ...] | None = None,
) -> Leaf:
    who = tuple(_who(each, known, place) for each in _together([each.subjects for each in path], place))
    told = _together([each.resources for each in path], place)
    resources = [_object(each, patient, place) for each in told]
    return Leaf(
        permits=permits,
        who=tuple(dict.fromkeys(who)),
        whole=None in resources,
        documents=frozenset(each for each in resources if each is not None),
        folders=any(codes.FOLDER_ID in (match.attribute for match in each) for each in told),
        actions=_actions(_together([each.actions for each in path], place), place),
        period=_period(_together([each.environments for each in path], place), place),
        place=place,
        decided=decided,
    )


def _together(levels: Sequence[Alternatives], place: str) -> list[tuple[Match, ...]]:
    """Conditions of all levels at once, as alternatives; one without any condition is anything."""
    found: list[tuple[Match, ...]] = [()]
    for level in filter(None, levels):
        found = [(*before, *each) for before in found for each in level]
        if len(found) > _MOST:
            raise Indeterminate(place, f"has more than {_MOST} alternatives")
    return found


def _who(matches: Sequence[Match], known: Known, place: str) -> Who:
    names: set[str] = set()
    purposes: set[str] = set()
    for each in matches:
        if each.attribute == codes.PURPOSE and isinstance(each.value, Code):
            purpose = known.purposes.get((each.value.scheme, each.value.code))
            if purpose is None:
                raise Indeterminate(place, "names a purpose of use that this domain does not know")
            purposes.add(purpose)
        elif each.function in _NAMES.get(each.attribute, ()):
            names.add(_named(str(each.value), place))
        else:
            raise Indeterminate(place, f"subject attribute {each.attribute[:120]!r} is not applied here")
    if len(names) > 1 or len(purposes) > 1:
        raise Indeterminate(
            place, "several conditions on one subject: a person or an organisation, one purpose"
        )
    return Who(next(iter(names), None), next(iter(purposes), None))


def _object(matches: Sequence[Match], patient: PatientId, place: str) -> str | None:
    """The document or folder, None for the whole record; of this patient in any case."""
    objects: set[str] = set()
    mentioned = False
    for each in matches:
        if each.attribute == codes.PATIENT_ID and each.function == codes.II_EQUAL:
            if each.value != patient:
                raise OtherPatient(f"{place}: patient-id is not the patientId of the metadata")
            mentioned = True
        elif each.function in _OBJECTS.get(each.attribute, ()):
            objects.add(_named(str(each.value), place))
        else:
            raise Indeterminate(place, f"resource attribute {each.attribute[:120]!r} is not applied here")
    if not mentioned:
        raise Indeterminate(place, f"no ResourceMatch on {codes.PATIENT_ID} holds for it")
    if len(objects) > 1:
        raise Indeterminate(place, "several conditions on one document")
    return next(iter(objects), None)


def _named(value: str, place: str) -> str:
    """A name as the lists have it. An asterisk would stand for everybody there."""
    name = value.removeprefix("urn:oid:").strip()
    if name in {"", "*"}:
        raise Indeterminate(place, "names nobody, or nothing")
    if name.startswith("urn:uuid:"):
        raise Indeterminate(place, "a document or folder is named by its uniqueId, not by its entryUUID")
    return name


def _actions(alternatives: Sequence[Sequence[Match]], place: str) -> frozenset[str] | None:
    found: set[str] = set()
    for matches in alternatives:
        if not matches:
            return None
        named = {each.value for each in matches}
        if len(named) > 1 or {each.attribute for each in matches} != {codes.ACTION_ID}:
            raise Indeterminate(place, f"an action is told by {codes.ACTION_ID} alone")
        found |= {str(each) for each in named}
    unknown = found - codes.READING_ANYHOW - codes.READING_ELSEWHERE - codes.WRITING
    if unknown:
        raise Indeterminate(place, f"action {min(unknown)[:120]!r} is not known here")
    return frozenset(found)


# --- time ----------------------------------------------------------------------------------------


def _period(alternatives: Sequence[Sequence[Match]], place: str) -> Period:
    if len(alternatives) > 1:
        raise Indeterminate(place, "several periods; expected one")
    starts: list[datetime] = []
    ends: list[datetime] = []
    for each in alternatives[0]:
        if each.function in {codes.FROM_DAY, codes.FROM}:
            starts.append(_time(each, place))
        else:
            ends.append(_time(each, place))
    return Period(max(starts, default=None), min(ends, default=None))


def _time(match: Match, place: str) -> datetime:
    """A date or dateTime, in UTC where it names no zone; of the last one, the instant behind it."""
    days = match.function in {codes.FROM_DAY, codes.UNTIL_DAY}
    timed = match.function in {codes.FROM, codes.UNTIL, codes.BEFORE}
    if not (days or timed) or match.attribute != (codes.CURRENT_DATE if days else codes.CURRENT_TIME):
        raise Indeterminate(place, "only current-date and current-dateTime are compared, each with its kind")
    try:
        text, behind = str(match.value), _BEHIND.get(match.function, timedelta())
        if days:
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + behind
        time = datetime.fromisoformat(text)
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)) + behind
    except (ValueError, OverflowError) as error:
        raise Indeterminate(place, "is no date, or no dateTime") from error
