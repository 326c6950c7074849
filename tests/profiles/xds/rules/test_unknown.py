"""profiles.xds.rules.unknown: limited metadata become what a registry can answer with."""

from dataclasses import replace

from gateway.record.documents import DocumentEntry, EntryType, Folder, Submission, SubmissionSet
from gateway.record.people import Code, PatientId
from profiles.xds.rules.unknown import UNDETERMINED, UNKNOWN, with_unknowns

PATIENT = PatientId("1", "2.999.1.1")
BARE = Submission(
    submission_set=SubmissionSet(
        id="s", unique_id="1.2", source_id="1.3", submission_time="20260102030405", patient=PATIENT
    ),
    documents=(DocumentEntry(id="d", unique_id="1.4", mime_type="text/plain", patient=PATIENT),),
    folders=(Folder(id="f", unique_id="1.5", patient=PATIENT),),
)


def test_what_is_missing_says_that_it_is_not_known() -> None:
    whole = with_unknowns(BARE)
    (entry,) = whole.documents
    assert {entry.class_code, entry.type_code, entry.format_code, entry.facility_type} == {UNKNOWN}
    assert (entry.practice_setting, entry.confidentiality) == (UNKNOWN, (UNKNOWN,))
    assert (entry.language, entry.creation_time) == (UNDETERMINED, "20260102030405")
    assert entry.source_patient_id == "1^^^&2.999.1.1&ISO"
    assert whole.submission_set.content_type == UNKNOWN
    assert (whole.folders[0].codes, whole.folders[0].title) == ((UNKNOWN,), "unknown")


def test_what_was_told_stays() -> None:
    code = Code("a", "2.999", "A")
    told = replace(BARE.documents[0], class_code=code, language="lb", creation_time="2020")
    (entry,) = with_unknowns(replace(BARE, documents=(told,))).documents
    assert (entry.class_code, entry.language, entry.creation_time) == (code, "lb", "2020")


def test_an_on_demand_entry_has_no_time_of_creation() -> None:
    item = replace(BARE.documents[0], type=EntryType.ON_DEMAND)
    assert with_unknowns(replace(BARE, documents=(item,))).documents[0].creation_time is None
