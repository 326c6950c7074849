"""The demonstration's documents: valid CDA R2, told apart by id, read into the metadata they are filed by."""

import os
from pathlib import Path

import pytest
from lxml import etree

from gateway.cli.demo.papers import read_document, read_papers
from gateway.config import shipped
from gateway.errors import Malformed

FOLDER = shipped("demo")
FILES = sorted(FOLDER.glob("*.xml"))
CDA = {"h": "urn:hl7-org:v3"}
ROOT = Path(__file__).parents[4]
SHARED = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared"))
SCHEMA = SHARED / "corpus/xsd/cda/normative/infrastructure/cda/CDA.xsd"


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def paper(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_are_four() -> None:
    assert [path.stem for path in FILES] == [
        "discharge-letter",
        "laboratory-report",
        "prescription",
        "psychiatric-letter",
    ]


@pytest.mark.skipif(not SCHEMA.is_file(), reason="HL7's CDA.xsd is not at hand (PASSERELLE_SHARED)")
def test_each_follows_the_schema_of_cda(paper: Path) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    schema.validate(etree.parse(str(paper)))
    assert not list(schema.error_log)


def test_each_entry_refers_to_words_a_person_can_read(paper: Path) -> None:
    root = etree.parse(str(paper)).getroot()
    told = {each.get("ID") for each in root.iterfind(".//h:text//*[@ID]", CDA)}
    referred = {each.get("value", "").removeprefix("#") for each in root.iterfind(".//h:reference", CDA)}
    assert referred <= told
    assert all("".join(each.itertext()).strip() for each in root.iterfind(".//h:section/h:text", CDA))


def test_each_is_of_the_one_patient_and_has_an_id_of_its_own() -> None:
    documents = [read_document(path) for path in FILES]
    assert {each.patient for each in documents} == {"DEMO-1001^^^&2.999.1.1&ISO"}
    assert len({each.unique_id for each in documents}) == len(documents)
    assert all(each.unique_id.startswith("2.999.") for each in documents)


def test_the_metadata_are_those_of_the_header() -> None:
    papers = read_papers(FOLDER)
    assert papers.patient == "DEMO-1001"
    discharge = papers.discharge
    assert (discharge.class_code.code, discharge.confidentiality.code) == ("18842-5", "N")
    assert discharge.author == "dr.weber^WEBER^Anne^^^Dr^^^&2.999.1.20&ISO"
    assert discharge.institution == "Test Hospital^^^^^^^^^2.999.2.1"
    assert discharge.created == "20261107143000", "15:30 in Luxembourg is 14:30 UTC"
    assert papers.laboratory.class_code.code == "11502-2"
    assert papers.prescription.class_code.code == "57833-6"


def test_the_psychiatric_letter_is_very_restricted_and_filed_as_a_summary() -> None:
    letter = read_papers(FOLDER).psychiatric
    assert letter.confidentiality.code == "V"
    assert (letter.class_code.code, letter.type_code.code) == ("34133-9", "34788-0")


def test_a_document_without_patient_is_refused_by_name(tmp_path: Path) -> None:
    text = FILES[0].read_text(encoding="utf-8")
    (tmp_path / "x.xml").write_text(text.replace('extension="DEMO-1001"', ""), encoding="utf-8")
    with pytest.raises(Malformed, match="no extension") as refusal:
        read_document(tmp_path / "x.xml")
    assert refusal.value.location == "recordTarget/patientRole/id"
