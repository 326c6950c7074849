"""Code lists of the affinity domain, for the attributes it limits (ITI TF-2 3.42.4.1.3.3.3).

Code and scheme count; a display name is nobody's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.errors import Meaning, Problem
from gateway.record.documents import DocumentEntry, Folder, SubmissionSet
from gateway.record.domain import LANGUAGE, MIME_TYPE, CodeList, Domain, Limit
from gateway.record.people import Code
from profiles.xds.rules.telling import Found, shown

_NAMED = 8
"""So many of the allowed values stand in a refusal."""


def entry_codes(entry: DocumentEntry, domain: Domain) -> Found:
    """Every coded attribute of a DocumentEntry, its language and its media type."""
    coded: tuple[tuple[str, Iterable[Code | None]], ...] = (
        ("classCode", (entry.class_code,)),
        ("typeCode", (entry.type_code,)),
        ("formatCode", (entry.format_code,)),
        ("healthcareFacilityTypeCode", (entry.facility_type,)),
        ("practiceSettingCode", (entry.practice_setting,)),
        ("confidentialityCode", entry.confidentiality),
        ("eventCodeList", entry.events),
    )
    for attribute, codes in coded:
        yield from _codes(entry.id, attribute, codes, domain)
    yield from _value(entry.id, MIME_TYPE, entry.mime_type, domain, CodeList.holds)
    yield from _value(entry.id, LANGUAGE, entry.language, domain, CodeList.holds_language)


def set_codes(item: SubmissionSet, domain: Domain) -> Found:
    """The contentTypeCode of a SubmissionSet."""
    return _codes(item.id, "contentTypeCode", (item.content_type,), domain)


def folder_codes(item: Folder, domain: Domain) -> Found:
    """The codeList of a Folder."""
    return _codes(item.id, "codeList", item.codes, domain)


def _codes(owner: str, attribute: str, codes: Iterable[Code | None], domain: Domain) -> Found:
    for code in codes:
        yield from _value(owner, attribute, str(code) if code else None, domain, CodeList.holds)


def _value(
    owner: str, attribute: str, value: str | None, domain: Domain, holds: Callable[[CodeList, str], bool]
) -> Found:
    listed = domain.codes.get(attribute)
    if listed is None or listed.limit is Limit.OFF or not value or holds(listed, value):
        return
    context = f"{attribute} {shown(value)} is not in the list of this affinity domain; {_allowed(listed)}"
    yield Problem(Meaning.METADATA_INVALID, context, owner, warning=listed.limit is Limit.WARN)


def _allowed(listed: CodeList) -> str:
    names = sorted(listed.allowed)
    rest = len(names) - _NAMED
    return f"allowed: {', '.join(names[:_NAMED])}" + (f" and {rest} more" if rest > 0 else "")
