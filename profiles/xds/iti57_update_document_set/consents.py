"""Updates and consents: Deprecated ends one, nothing begins or alters one (ITI TF-2 3.57)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.errors import Meaning, Problem, Refused
from gateway.record.consents import Consent, states_consent
from gateway.record.documents import DocumentEntry, Status
from gateway.record.revision import Revision
from gateway.record.submission import Standing
from profiles.xds.wire.stored import stored_entry


async def follow(call: Call[Any], revision: Revision, services: Services) -> None:
    """Ends the consent of a deprecated document; Refused where the update would alter or revive one."""
    changed = {held.unique_id for held, _ in revision.changes if held.kind == "document"}
    fresh = {item.unique_id for item in revision.submission.documents}
    documents = services.access.documents
    stating = await documents.about(call.scope.patients, changed | fresh)
    problems = [_revived(held) for held, after in revision.changes if _comes_back(held, after, stating)]
    for item in revision.submission.documents:
        if states_consent(item) or item.unique_id in stating:
            problems += await _altered(call, item, revision, services)
    if problems:
        raise Refused(*problems)
    gone = {held.unique_id for held, after in revision.changes if after is Status.DEPRECATED}
    gone |= {item.unique_id for item in revision.submission.documents if item.status is Status.DEPRECATED}
    await documents.end(call, gone & set(stating))


def _comes_back(held: Standing, after: Status, stating: Mapping[str, Consent]) -> bool:
    return held.kind == "document" and after is Status.APPROVED and held.unique_id in stating


def _revived(held: Standing) -> Problem:
    text = "the consent that this document states has ended; a new consent is a new document"
    return Problem(Meaning.UPDATE, text, held.id)


async def _altered(
    call: Call[Any], item: DocumentEntry, revision: Revision, services: Services
) -> list[Problem]:
    """What was compared with the content when it came stays as it is."""
    for held in revision.superseded:
        if held.logical_id != item.logical_id:
            continue
        before = stored_entry(await services.registry.stored(held.id))
        same = _compared(item) == _compared(before) and item.patient is not None
        if same and call.scope.keys.get(item.patient) == held.patient:  # type: ignore[arg-type]
            return []
    text = "formatCode, class, type, events or patient of a consent document differ from what it states"
    return [Problem(Meaning.UNMODIFIABLE, text, item.id)]


def _compared(item: DocumentEntry) -> tuple[object, ...]:
    coded = (item.format_code, item.class_code, item.type_code)
    events = frozenset((each.code, each.scheme) for each in item.events)
    return (*((each.code, each.scheme) if each else None for each in coded), events)
