"""Metadata rules of document sharing that need no registry (ITI TF-3 4.2.3, 4.3; ITI TF-2 3.42.4.1.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.errors import Meaning, Problem
from gateway.record.documents import Association, DocumentEntry, EntryType, Folder, Submission
from gateway.record.domain import Domain
from profiles.xds.rules import forms
from profiles.xds.rules.columns import Column
from profiles.xds.rules.entries import entry_problems
from profiles.xds.rules.packages import folder_problems, set_problems
from profiles.xds.rules.telling import Found, invalid, plain

__all__ = ["Column", "check"]


def check(submission: Submission, column: Column, domain: Domain, *, updating: bool = False) -> list[Problem]:
    """Every fault of a submission that can be told without the registry; some may be warnings.

    `column` is the sender's. Only a metadata update (`updating`) may send versions, lid other than id; each
    of its on-demand entries is judged as its source would send it (ITI TF-2 3.57.4.1.2).
    """
    problems = list(set_problems(submission.submission_set, column, domain))
    for entry in submission.documents:
        dynamic = updating and entry.type is EntryType.ON_DEMAND
        problems += entry_problems(entry, Column.ON_DEMAND if dynamic else column, domain)
    for folder in submission.folders:
        problems += folder_problems(folder, column, domain)
    if not updating:
        problems += _version_problems((*submission.documents, *submission.folders))
    problems += _association_problems(submission.associations)
    problems += _patient_problems(submission)
    problems += _unique_id_problems(submission)
    return problems


def _version_problems(items: tuple[DocumentEntry | Folder, ...]) -> Found:
    for item in items:
        if item.logical_id is not None and item.logical_id != item.id:
            yield invalid("lid differs from id, which only a metadata update may send", item.id)


def _association_problems(items: tuple[Association, ...]) -> Found:
    for item in items:
        if not item.id:
            yield invalid("an Association has no id", "Association")
        yield from plain(item.id, "entryUUID", item.id, forms.entry_id)


def _patient_problems(submission: Submission) -> Iterator[Problem]:
    """Entries, folders and set agree on the patient (ITI TF-2 3.42.4.1.3.3.2)."""
    if len(submission.patients) > 1:
        yield Problem(
            Meaning.PATIENT_MISMATCH,
            "SubmissionSet, DocumentEntries and Folders name different patients",
            submission.submission_set.id,
        )


def _unique_id_problems(submission: Submission) -> Iterator[Problem]:
    named = [submission.submission_set.unique_id]
    named += [item.unique_id for item in submission.documents]
    named += [item.unique_id for item in submission.folders]
    for value, count in Counter(filter(None, named)).items():
        if count > 1:
            yield Problem(
                Meaning.DUPLICATE_IN_MESSAGE, f"uniqueId {value} is used {count} times, expected once", value
            )
