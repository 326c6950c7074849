"""Consent documents through the whole pipeline: who may hand them in, change and end them."""

from __future__ import annotations

import base64
import copy
import io
import re
import uuid
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from gateway.cli.partner import patient_id
from gateway.client.xds import Document, new_oid
from gateway.record.people import Code
from tests.consentdocs import (
    NO_EMERGENCY,
    OPT_IN,
    OPT_OUT,
    POLICIES,
    SCANNED,
    TREATMENT_ONLY,
    Papers,
    Rule,
    organisation,
    person,
)

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
RECIPIENT = "ITI-41@Document Recipient"
FORMAT = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
CLASS_AND_TYPE = {
    "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a",
    "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983",
}


class Desk:
    """The patient of the contracts with her papers, and others at other desks."""

    def __init__(self, forge: Any, words: Any) -> None:
        self.forge, self.words = forge, words
        self.portal = forge.house.partner("patient-portal", "patient")
        self.cx = self.portal.full_id(words.PATIENT)
        self.papers = Papers(patient_id(self.cx))

    def raw(self, *documents: Document, code: str = "ITI-41", edit: Any = None) -> Any:
        """As the patient hands it in."""
        how = {"partner": "patient-portal", "assertion": self.portal.assertion(self.cx)}
        raw = self.forge.provide(*documents, code=code, edit=edit, **how)
        return self.forge.house.peer(raw, "patient-portal")

    def submit(self, *documents: Document, **how: Any) -> Any:
        return self.forge.accepted(self.raw(*documents, **how))

    def refused(self, raw: Any, code: str) -> list[tuple[str, str]]:
        """(codeContext, location) of each error; nothing is left behind."""
        found = self.forge.failed(raw, code, self.words.provided(8))
        listed = re.findall(rb"<rs:RegistryError ([^>]+)>", found.body)
        return [(value(each, "codeContext"), value(each, "location")) for each in listed]

    def by(self, code: str, body: bytes, role: str = "node:tester", partner: str = "tester") -> Any:
        """An update or a removal."""
        forge = self.forge
        return forge.simple(code, forge.envelope(code, [body], partner=partner, role=role), partner)

    def sees(self) -> bool:
        """Whether the physician finds the letter."""
        found = self.forge.send(self.forge.query(), unchanged=False, secret=False)
        return self.words.STORED.encode() in found.body

    def consents(self) -> list[tuple[int, str]]:
        """(version, status) of each, in the order of writing."""
        return list(self.forge.house._query("SELECT version, status FROM consent ORDER BY key"))

    def uuid(self, unique_id: str) -> str:
        rows = self.forge.house._query(f"SELECT uuid FROM entry WHERE unique_id = '{unique_id}'")  # noqa: S608
        return str(rows[0][0])


def value(text: bytes, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"'.encode(), text)
    return found[1].decode() if found else ""


@pytest.fixture
def desk(forge: Any, words: Any) -> Desk:
    return Desk(forge, words)


# --- in ------------------------------------------------------------------------------------------


def test_document_and_consent_are_kept_together_and_act_at_once(desk: Desk) -> None:
    assert desk.sees()
    desk.submit(desk.papers.bppc(new_oid(), OPT_OUT))
    assert desk.consents() == [(1, "active")]
    assert not desk.sees()


def test_the_same_submission_again_states_nothing_more(desk: Desk) -> None:
    raw = desk.raw(desk.papers.bppc(new_oid(), OPT_OUT))
    desk.forge.accepted(raw)
    again = desk.forge.send(raw)
    assert again.response != "Success"
    assert desk.consents() == [(1, "active")]


@pytest.mark.parametrize("role", ["physician", "records-administrator"])
def test_without_the_right_to_change_rights_nothing_is_left_behind(desk: Desk, role: str) -> None:
    raw = desk.forge.provide(desk.papers.bppc(new_oid(), OPT_OUT), role=role)
    desk.forge.failed(raw, "XDSRepositoryError", desk.words.provided(8))
    assert desk.consents() == []
    assert desk.sees()


def test_nobody_states_the_consent_of_another_patient(desk: Desk) -> None:
    foreign = Papers(patient_id(desk.portal.full_id(desk.words.OTHER)))
    found = desk.forge.send(desk.raw(foreign.bppc(new_oid(), OPT_OUT)))
    assert found.response != "Success"
    assert desk.consents() == []


def test_an_unknown_policy_is_refused_in_words_that_name_it(desk: Desk) -> None:
    raw = desk.raw(desk.papers.bppc(new_oid(), OPT_OUT, f"{POLICIES}.99"))
    ((text, where),) = desk.refused(raw, "XDSRepositoryError")
    assert f"serviceEvent[2]/code: policy {POLICIES}.99 is not one that this domain applies" in text
    assert where == "Document0"
    assert desk.consents() == []


def test_metadata_and_content_must_say_the_same(desk: Desk) -> None:
    paper = desk.papers.bppc(new_oid(), OPT_OUT)
    wrong = replace(paper, events=(Code(OPT_IN, POLICIES, "Policy"),), class_code=Code("1", "2.999", "Other"))
    told = desk.refused(desk.raw(wrong), "XDSRepositoryMetadataError")
    assert [text.partition(" ")[0] for text, _ in told] == ["classCode", "eventCodeList"]
    assert {where for _, where in told} == {"Document0"}


def test_the_patient_of_the_document_is_that_of_the_metadata(desk: Desk) -> None:
    foreign = Papers(patient_id(desk.portal.full_id(desk.words.OTHER)))
    unique_id = new_oid()
    swapped = replace(desk.papers.bppc(unique_id, OPT_OUT), data=foreign.bppc(unique_id, OPT_OUT).data)
    desk.refused(desk.raw(swapped), "XDSPatientIdDoesNotMatch")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no XML", "cannot be read"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument xmlns="urn:hl7-org:v3"/>', "cannot be read"),
        (b"<ClinicalDocument/>", "not a ClinicalDocument"),
    ],
)
def test_what_is_no_consent_is_not_taken_for_one(desk: Desk, data: bytes, said: str) -> None:
    paper = replace(desk.papers.bppc(new_oid(), OPT_OUT), data=data)
    told = desk.refused(desk.raw(paper), "XDSRepositoryMetadataError")
    assert any(said in text for text, _ in told)


def test_a_scanned_consent_counts_as_well(desk: Desk) -> None:
    unique_id = new_oid()
    paper = desk.papers.bppc(unique_id, OPT_OUT)
    data = paper.data.replace(b'1.3.6.1.4.1.19376.1.5.3.1.1.7"', b'1.3.6.1.4.1.19376.1.5.3.1.1.7.1"')
    desk.submit(replace(paper, format_code=SCANNED, data=data))
    assert not desk.sees()


def test_an_ended_consent_is_refused(desk: Desk) -> None:
    paper = desk.papers.bppc(new_oid(), OPT_OUT, low="20200101", high="20201231")
    ((text, _),) = desk.refused(desk.raw(paper), "XDSRepositoryError")
    assert text.startswith("the period of the consent has ended")


def test_metadata_alone_state_nothing(desk: Desk) -> None:
    def edit(root: etree._Element) -> None:
        for each in root.iter(f"{RIM}Classification"):
            if each.get("classificationScheme") == "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d":
                each.set("nodeRepresentation", "urn:ihe:iti:bppc:2007")

    raw = desk.forge.register(edit, partner="tester", role="node:tester")
    found = desk.forge.send(desk.forge.house.peer(raw, "tester"), unchanged=False, secret=False)
    assert (found.response, found.kinds) == ("Success", [desk.words.registered(0)])
    assert b"has no effect on access here" in found.body
    assert desk.sees()


def test_one_submission_states_one_consent(desk: Desk) -> None:
    papers = [desk.papers.bppc(new_oid(), OPT_OUT), desk.papers.bppc(new_oid(), NO_EMERGENCY)]
    ((text, where),) = desk.refused(desk.raw(*papers), "XDSRepositoryError")
    assert (text.partition(" [")[0], where) == ("several consent documents in one submission", "Document1")


def test_a_document_recipient_understands_it_too(desk: Desk) -> None:
    desk.submit(desk.papers.bppc(new_oid(), OPT_OUT), code=RECIPIENT)
    assert not desk.sees()


# --- APPC ----------------------------------------------------------------------------------------


def policy_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def test_a_policy_denies_an_organisation(desk: Desk) -> None:
    rule = Rule(effect="Deny", subjects=(organisation("2.999.2.1"),))
    desk.submit(desk.papers.appc(policy_id(), rule))
    assert not desk.sees()


def test_a_policy_hides_one_document(desk: Desk) -> None:
    desk.submit(desk.papers.appc(policy_id(), Rule(effect="Deny", documents=(desk.words.STORED,))))
    assert not desk.sees()


def test_what_cannot_be_mapped_exactly_is_indeterminate(desk: Desk) -> None:
    paper = desk.papers.appc(policy_id(), Rule(effect="Deny", subjects=(person("dr.weber"),)))
    strange = replace(paper, data=paper.data.replace(b"string-equal", b"regexp-string-match"))
    ((text, where),) = desk.refused(desk.raw(strange), "XDSRepositoryError")
    assert text.startswith("Indeterminate: PolicySet/Policy[1]/Rule[1]/Target/Subjects/Subject[1]")
    assert where == "Document0"
    assert desk.sees()


# --- replaced, deprecated, removed ---------------------------------------------------------------


def test_the_document_that_replaces_changes_the_consent(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, OPT_OUT))
    desk.submit(desk.papers.bppc(new_oid(), TREATMENT_ONLY, replaces=desk.uuid(first)))
    assert desk.consents() == [(1, "active"), (2, "active")]
    assert desk.sees()


def test_one_that_begins_later_replaces_nothing_now(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, OPT_OUT))
    later = desk.papers.bppc(new_oid(), OPT_IN, low="20990101", replaces=desk.uuid(first))
    ((text, _),) = desk.refused(desk.raw(later), "XDSRepositoryError")
    assert text.startswith("the consent begins later")
    assert not desk.sees()


def test_a_letter_in_its_place_ends_it_by_whom_may_change_rights_only(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, NO_EMERGENCY))
    letter = desk.words.document(desk.forge.house, new_oid(), replaces=desk.uuid(first))
    desk.forge.failed(desk.forge.provide(letter), "XDSRepositoryError", desk.words.provided(8))
    assert desk.consents() == [(1, "active")]
    desk.submit(letter)
    assert desk.consents() == [(1, "active"), (2, "inactive")]


def test_the_same_paper_does_not_come_back(desk: Desk) -> None:
    """Somebody hands an old opt-in in again, in a new submission."""
    first = desk.papers.bppc(new_oid(), OPT_IN)
    desk.submit(first)
    desk.submit(desk.papers.bppc(new_oid(), OPT_OUT, replaces=desk.uuid(first.unique_id)))
    ((text, _),) = desk.refused(desk.raw(first), "XDSRepositoryError")
    assert text.startswith("this document stated a consent before")
    assert not desk.sees()


def deprecating(desk: Desk, target: str, before: str = "Approved", after: str = "Deprecated") -> bytes:
    """An update of the status of an entry."""
    root = etree.fromstring(desk.words.update_body(desk.forge.house))
    for name in ("ExtrinsicObject", "Association"):
        for each in list(root.iter(f"{RIM}{name}")):
            each.getparent().remove(each)
    listed = root.find(f"{RIM}RegistryObjectList")
    head = next(root.iter(f"{RIM}RegistryPackage")).get("id")
    link = etree.SubElement(listed, f"{RIM}Association", id=f"urn:uuid:{uuid.uuid4()}")
    link.set("associationType", "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus")
    link.set("sourceObject", head)
    link.set("targetObject", target)
    for name, status in (("OriginalStatus", before), ("NewStatus", after)):
        slot = etree.SubElement(link, f"{RIM}Slot", name=name)
        held = etree.SubElement(etree.SubElement(slot, f"{RIM}ValueList"), f"{RIM}Value")
        held.text = f"{STATUS}{status}"
    return bytes(desk.words.c14n(root))


def test_a_deprecated_document_ends_its_consent(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, NO_EMERGENCY))
    body = deprecating(desk, desk.uuid(first))
    administrator = desk.by("ITI-57", body, "records-administrator", "hospital")
    desk.forge.failed(administrator, "XDSRegistryError", ("110107", "ITI-57", 8))
    desk.forge.accepted(desk.by("ITI-57", body))
    assert desk.consents() == [(1, "active"), (2, "inactive")]
    back = desk.by("ITI-57", deprecating(desk, desk.uuid(first), "Deprecated", "Approved"))
    assert (
        b"a new consent is a new document"
        in desk.forge.failed(back, "XDSMetadataUpdateError", ("110107", "ITI-57", 8)).body
    )


def objects(desk: Desk, unique_id: str) -> list[str]:
    """Everything of the submission that brought a document."""
    entry = desk.uuid(unique_id)
    query = desk.forge.house._query
    links = query(f"SELECT uuid, source FROM association WHERE target = '{entry}'")  # noqa: S608
    return [entry, *(str(each) for link in links for each in link)]


def removal(*ids: str) -> bytes:
    refs = "".join(f'<rim:ObjectRef id="{each}"></rim:ObjectRef>' for each in ids)
    return (
        '<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
        f'<rim:ObjectRefList xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">{refs}'
        "</rim:ObjectRefList></lcm:RemoveObjectsRequest>"
    ).encode()


def test_a_removed_document_ends_its_consent(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, NO_EMERGENCY))
    body = removal(*objects(desk, first))
    administrator = desk.by("ITI-62", body, "records-administrator", "hospital")
    assert desk.forge.send(administrator).response == "Failure"
    desk.forge.accepted(desk.by("ITI-62", body))
    assert desk.consents() == [(1, "active"), (2, "inactive")]


def test_the_octets_of_a_consent_in_force_stay(desk: Desk) -> None:
    first = new_oid()
    desk.submit(desk.papers.bppc(first, NO_EMERGENCY))
    found = desk.forge.send(desk.forge.remove_documents(("2.999.1.3", first)))
    assert found.codes == ["XDSRemoveDocumentsError"]
    assert b"states a consent that is in force" in found.body


def test_an_update_of_metadata_alters_no_consent(desk: Desk) -> None:
    """A letter does not become a consent by another formatCode."""
    root = etree.fromstring(desk.words.update_body(desk.forge.house))
    for each in root.iter(f"{RIM}Classification"):
        if each.get("classificationScheme") == "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d":
            each.set("nodeRepresentation", "urn:ihe:iti:bppc:2007")
    raw = desk.by("ITI-57", desk.words.c14n(root))
    desk.forge.failed(raw, "UnmodifiableMetadataError", ("110107", "ITI-57", 8))


# --- media ---------------------------------------------------------------------------------------


def medium(desk: Desk, unique_id: str) -> Any:
    """The import of a medium with a consent document, by the physician."""
    words, data = desk.words, desk.papers.bppc(unique_id, NO_EMERGENCY).data
    with zipfile.ZipFile(io.BytesIO(words.medium(desk.forge.house, unique_id, data))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = "IHE_XDM/SUBSET01/METADATA.XML"
    root = etree.fromstring(files[name])
    coded = {each.get("classificationScheme"): each for each in root.iter(f"{RIM}Classification")}
    coded[FORMAT].set("nodeRepresentation", "urn:ihe:iti:bppc:2007")
    for scheme in CLASS_AND_TYPE:
        coded[scheme].set("nodeRepresentation", "57016-8")
    event = copy.deepcopy(coded[FORMAT])
    event.set("classificationScheme", "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4")
    event.set("nodeRepresentation", NO_EMERGENCY)
    event.set("id", "event")
    next(event.iter(f"{RIM}Value")).text = POLICIES
    coded[FORMAT].addnext(event)
    return words.import_raw(desk.forge.house, words.zipped({**files, name: etree.tostring(root)}))


def test_a_medium_brings_a_consent_by_whom_may_change_rights_only(desk: Desk) -> None:
    raw = medium(desk, new_oid())
    assert desk.forge.send(raw, "fhir").status == 403
    assert desk.consents() == []
    token = base64.urlsafe_b64encode(desk.forge.house.partner("tester", "node:tester").assertion())
    headers = {**raw.headers, "authorization": f"Bearer {token.rstrip(b'=').decode()}"}
    told = desk.forge.house.peer(replace(raw, headers=headers), "tester")
    found = desk.forge.send(told, "fhir", unchanged=False, secret=False)
    assert found.status == 200, found.body
    assert desk.consents() == [(1, "active")]
