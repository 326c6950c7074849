"""What a registry must answer and a sender of limited metadata did not tell (ITI TF-3 4.3.1, 4.3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.record.documents import DocumentEntry, EntryType, Folder, Submission, SubmissionSet
from gateway.record.people import Code

UNKNOWN: Final = Code("UNK", "2.16.840.1.113883.5.1008", "unknown")
"""HL7 v3 NullFlavor: says of itself that the value is not known."""
UNDETERMINED: Final = "und"
"""RFC 5646: the language is not known."""


def with_unknowns(submission: Submission) -> Submission:
    """The submission with every attribute that registry answers require; what was told is left as it is.

    An entry that lacked one would make every answer that holds it invalid for its reader.
    """
    return replace(
        submission,
        submission_set=_set(submission.submission_set),
        documents=tuple(_entry(item, submission.submission_set) for item in submission.documents),
        folders=tuple(_folder(item) for item in submission.folders),
    )


def _entry(item: DocumentEntry, head: SubmissionSet) -> DocumentEntry:
    created = item.creation_time or head.submission_time or None
    return replace(
        item,
        class_code=item.class_code or UNKNOWN,
        type_code=item.type_code or UNKNOWN,
        format_code=item.format_code or UNKNOWN,
        facility_type=item.facility_type or UNKNOWN,
        practice_setting=item.practice_setting or UNKNOWN,
        confidentiality=item.confidentiality or (UNKNOWN,),
        language=item.language or UNDETERMINED,
        creation_time=created if item.type is EntryType.STABLE else None,
        source_patient_id=item.source_patient_id or str(item.patient or "") or None,
    )


def _set(item: SubmissionSet) -> SubmissionSet:
    return replace(item, content_type=item.content_type or UNKNOWN)


def _folder(item: Folder) -> Folder:
    return replace(item, codes=item.codes or (UNKNOWN,), title=item.title or UNKNOWN.display)
