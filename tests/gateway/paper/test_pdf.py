import re
import time
import zlib
from dataclasses import replace
from io import BytesIO

from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.paper.model import Grid, Paper
from gateway.paper.pdf import write_pdf


def read(data: bytes) -> PdfFileReader:
    return PdfFileReader(BytesIO(data))


def test_the_same_document_gives_the_same_bytes(paper: Paper) -> None:
    assert write_pdf(paper) == write_pdf(replace(paper))


def test_it_names_language_title_and_level(paper: Paper) -> None:
    root = read(write_pdf(paper)).root
    assert root["/Lang"] == "fr-LU"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    metadata = root["/Metadata"].data.decode()
    assert 'pdfaid:part="3" pdfaid:conformance="U"' in metadata
    assert "<script>" not in metadata
    without = read(write_pdf(replace(paper, attachment=None))).root
    assert 'pdfaid:part="2"' in without["/Metadata"].data.decode()


def test_nothing_in_it_acts(paper: Paper) -> None:
    data = write_pdf(paper)
    for name in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/AA"):
        assert name not in data


def test_fonts_are_in_it(paper: Paper) -> None:
    fonts = read(write_pdf(paper)).root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]
    for name in fonts:
        assert "/FontFile2" in fonts[name]["/DescendantFonts"][0]["/FontDescriptor"]
        assert "/ToUnicode" in fonts[name]


def test_the_machine_form_is_attached(paper: Paper) -> None:
    file = read(write_pdf(paper)).root["/AF"][0]
    assert file["/F"] == "machine.json"
    assert file["/AFRelationship"] == "/Source"
    assert file["/EF"]["/F"].data == paper.attachment.content


def test_reading_order_has_every_line_once(paper: Paper) -> None:
    streams = re.findall(rb"stream\n(.*?)\nendstream", write_pdf(paper), re.DOTALL)
    drawn = b"".join(zlib.decompress(each) for each in streams if each[:1] == b"\x78")
    assert drawn.count(b"BDC") + drawn.count(b"BMC") == drawn.count(b"EMC")
    assert drawn.count(b"/H1 <</MCID 0>> BDC") == 1


def test_fifty_pages_take_less_than_two_seconds(paper: Paper) -> None:
    rows = tuple((f"2026-01-01 10:{each}", "Dr Test " * 8, "a" * 64) for each in range(1500))
    long = replace(paper, blocks=(Grid(("When", "Who", "Digest"), rows),))
    started = time.process_time()
    data = write_pdf(long)
    assert time.process_time() - started < 2.0
    assert read(data).root["/Pages"]["/Count"] >= 50
