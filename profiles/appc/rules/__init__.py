"""From an APPC document to directives: metadata compared, the policy mapped exactly (ITI TF-3 5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import DocumentEntry
from gateway.record.people import Code
from gateway.rights.documents import Known, Stated
from profiles.appc import codes
from profiles.appc.rules.leaves import OtherPatient, leaves_of, references_of
from profiles.appc.rules.mapping import directives_of
from profiles.appc.wire import Indeterminate, PolicySet, read_policy_set

_UUID = re.compile(r"urn:uuid:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def read(entry: DocumentEntry, octets: bytes, known: Known, at: datetime) -> Stated:
    """What an APPC document says; Refused with every fault, or with what cannot be mapped exactly."""
    if entry.patient is None:
        raise Refused(_wrong("patientId is missing", entry))
    try:
        policy = read_policy_set(octets)
        problems = [*_metadata_problems(entry, policy)]
        if problems:
            raise Refused(*problems)
        leaves = leaves_of(policy.node, entry.patient, known)
        return Stated(
            directives=directives_of(policy.node, leaves, at),
            policies=references_of(policy.node),
            reason=policy.description,
        )
    except OtherPatient as error:
        raise Refused(Problem(Meaning.PATIENT_MISMATCH, str(error), entry.id)) from error
    except Indeterminate as error:
        raise Refused(Problem(Meaning.NOT_SUPPORTED, f"Indeterminate: {error}", entry.id)) from error


def _metadata_problems(entry: DocumentEntry, policy: PolicySet) -> Iterator[Problem]:
    form, type_code = entry.format_code or Code("", ""), entry.type_code or Code("", "")
    if form.scheme.removeprefix("urn:oid:") != codes.FORMAT_SCHEME:
        yield _wrong(f"formatCode {form.code} is of the scheme {codes.FORMAT_SCHEME}", entry)
    if not _UUID.fullmatch(policy.id) or policy.id != entry.unique_id:
        yield _wrong("PolicySetId is not urn:uuid:… and the uniqueId of the metadata", entry)
    told = (type_code.code, type_code.scheme.removeprefix("urn:oid:"))
    if told != (codes.PRIVACY_POLICY_ACKNOWLEDGEMENT, codes.LOINC):
        text = f"typeCode of a consent is {codes.PRIVACY_POLICY_ACKNOWLEDGEMENT} of LOINC ({codes.LOINC})"
        yield _wrong(text, entry)
    if {each.code.removeprefix("urn:oid:") for each in entry.events} != set(references_of(policy.node)):
        yield _wrong("eventCodeList is not the list of the policies that the PolicySet refers to", entry)


def _wrong(text: str, entry: DocumentEntry) -> Problem:
    return Problem(Meaning.CONTENT_MISMATCH, text, entry.id)
