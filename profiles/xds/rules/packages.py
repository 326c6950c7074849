"""Rules of SubmissionSet and Folder (ITI TF-3 4.2.3.3, 4.2.3.4)."""

from __future__ import annotations

from gateway.record.documents import Folder, SubmissionSet
from gateway.record.domain import Domain
from profiles.xds.rules import forms
from profiles.xds.rules.columns import Column, Kind
from profiles.xds.rules.entries import TEXT_LIMIT
from profiles.xds.rules.lists import folder_codes, set_codes
from profiles.xds.rules.people import authors, recipients
from profiles.xds.rules.presence import presence
from profiles.xds.rules.telling import Found, longer, plain

_TITLE_LIMIT = 256


def set_problems(item: SubmissionSet, column: Column, domain: Domain) -> Found:
    """Everything wrong with a SubmissionSet in the context of its sender."""
    yield from presence(Kind.SUBMISSION_SET, item, column)
    yield from _common(item)
    yield from plain(item.id, "sourceId", item.source_id or None, forms.oid)
    yield from plain(item.id, "submissionTime", item.submission_time or None, forms.dtm)
    yield from authors(item.id, item.authors)
    yield from recipients(item.id, item.recipients)
    yield from set_codes(item, domain)


def folder_problems(item: Folder, column: Column, domain: Domain) -> Found:
    """Everything wrong with a Folder. Its lastUpdateTime is the registry's: only the form is looked at."""
    yield from presence(Kind.FOLDER, item, column)
    yield from _common(item)
    yield from plain(item.id, "logicalID", item.logical_id, forms.entry_id)
    yield from plain(item.id, "lastUpdateTime", item.last_update, forms.dtm)
    yield from folder_codes(item, domain)


def _common(item: SubmissionSet | Folder) -> Found:
    yield from plain(item.id, "entryUUID", item.id, forms.entry_id)
    yield from plain(item.id, "uniqueId", item.unique_id or None, forms.oid)
    yield from plain(item.id, "homeCommunityId", item.home, forms.oid_urn)
    yield from longer(item.id, "title", item.title, _TITLE_LIMIT)
    yield from longer(item.id, "comments", item.comments, TEXT_LIMIT)
    if item.patient is not None:
        yield from plain(item.id, "assigning authority of patientId", item.patient.root, forms.oid)
