"""A document as PDF/A-2u, or PDF/A-3u with a file beside it (ISO 19005-2 and -3), tagged for reading order.

The same document gives the same bytes: every time in it is the document's own.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from xml.sax.saxutils import escape

from fpdf import FPDF
from fpdf.enums import DocumentCompliance
from fpdf.fonts import TTFFont
from fpdf.prefs import ViewerPreferences

from gateway.paper.layout import MARGIN, PAGE_HEIGHT, PAGE_WIDTH, Page, Piece, lay_out
from gateway.paper.model import Attachment, Paper, shown, spelled

_FAMILY = "Source Sans Pro"
_FILES = {"": "SourceSansPro-Regular.ttf", "B": "SourceSansPro-Bold.ttf"}
_ASCENT = 0.76
_POINT = 25.4 / 72
_GREY, _PRODUCER = 90, "Passerelle"
_FOOT = 8.0


def write_pdf(paper: Paper) -> bytes:
    """The document as PDF/A. Characters without a shape in the font are spelled by code point."""
    sheet = _Sheet(paper)
    pages = lay_out(paper, sheet)
    for number, page in enumerate(pages, 1):
        sheet.draw(page, f"{number} / {len(pages)}")
    if paper.attachment is not None:
        sheet.attach(paper.attachment)
    return bytes(sheet.output() or b"")


class _Sheet(FPDF):
    """Draws pages. A subclass, for the structure of a PDF is drawn with operators of its own."""

    def __init__(self, paper: Paper) -> None:
        level = DocumentCompliance.PDFA_2U if paper.attachment is None else DocumentCompliance.PDFA_3U
        super().__init__(enforce_compliance=level)
        self.set_auto_page_break(auto=False)
        for style, name in _FILES.items():
            with as_file(files("font_source_sans_pro") / "files" / name) as path:
                self.add_font(_FAMILY, style, path)
        self._known = self._covered()
        self._widths: dict[tuple[str, bool], float] = {}
        self._marked = 0
        self._created = paper.created
        self._foot = self.spelt(paper.footer or paper.title)
        self._describe(paper, level)

    def _covered(self) -> frozenset[str]:
        covered = [font.cmap.keys() for font in self.fonts.values() if isinstance(font, TTFFont)]
        return frozenset(map(chr, set(covered[0]).intersection(*covered[1:]))) | {"\n"}

    def spelt(self, text: str) -> str:
        """The text in characters that the font has."""
        text = shown(text)
        if self._known.issuperset(text):
            return text
        return "".join(each if each in self._known else spelled(each) for each in text)

    def measure(self, character: str, *, bold: bool) -> float:
        """The width of a character in units of the font's size."""
        width = self._widths.get((character, bold))
        if width is None:
            self.set_font(_FAMILY, "B" if bold else "", 100)
            width = float(self.get_string_width(character)) / (100 * _POINT)
            self._widths[character, bold] = width
        return width

    def _describe(self, paper: Paper, level: DocumentCompliance) -> None:
        self.set_lang(paper.language)
        self.set_title(shown(paper.title))
        self.set_author(shown(paper.author))
        self.set_subject(shown(paper.subject))
        self.set_producer(_PRODUCER)
        self.set_creation_date(paper.created)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.set_xmp_metadata(_xmp(paper, level))

    def draw(self, page: Page, number: str) -> None:
        """Adds one page."""
        self.add_page()
        self._marked = 0
        for level, text, y in page.marks:
            self.set_y(y)
            self.start_section(text, level - 2, strict=False)
        for piece in page.pieces:
            self._piece(piece)
        self._out("/Artifact BMC")
        self._furniture(page, number)
        self._out("EMC")

    def _piece(self, piece: Piece) -> None:
        """One element of the structure with its lines."""
        _, parent = self.struct_builder.add_marked_content(self.page, f"/{piece.face.tag}", self._marked)
        self.pages[self.page].struct_parents = parent
        self._out(f"/{piece.face.tag} <</MCID {self._marked}>> BDC")
        self._marked += 1
        self.set_font(_FAMILY, "B" if piece.face.bold else "", piece.face.size)
        top = piece.y + piece.face.size * _ASCENT * _POINT * 1.2
        for count, line in enumerate(piece.lines):
            self.text(piece.x, top + count * piece.face.height, line)
        self._out("EMC")

    def _furniture(self, page: Page, number: str) -> None:
        self.set_draw_color(_GREY + 90)
        self.set_line_width(0.15)
        for y in (*page.rules, PAGE_HEIGHT - MARGIN):
            self.line(MARGIN, y, PAGE_WIDTH - MARGIN, y)
        self.set_font(_FAMILY, "", _FOOT)
        self.set_text_color(_GREY)
        base = PAGE_HEIGHT - MARGIN + 5
        self.text(MARGIN, base, self._clipped(self._foot))
        self.text(PAGE_WIDTH - MARGIN - self.get_string_width(number), base, number)
        self.set_text_color(0)

    def _clipped(self, text: str) -> str:
        room = PAGE_WIDTH - 2 * MARGIN - 25
        while self.get_string_width(text) > room:
            text = text[:-2].rstrip(" …") + "…"
        return text

    def attach(self, attachment: Attachment) -> None:
        """Adds the file that goes with the document (ISO 19005-3 6.8)."""
        self.embed_file(
            bytes=attachment.content,
            basename=attachment.name,
            mime_type=attachment.media_type,
            desc=attachment.description,
            modification_date=self._created,
            associated_file_relationship="Source",
            compress=True,
        )


def _xmp(paper: Paper, level: DocumentCompliance) -> str:
    """The metadata (XMP, ISO 16684-1) that name the level and repeat title, author and time."""
    at = paper.created.isoformat(timespec="seconds")
    part, conformance = level.part, level.conformance
    title, author, subject = map(escape, map(shown, (paper.title, paper.author, paper.subject)))
    about = (
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>'
    )
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 pdfaid:part="{part}" pdfaid:conformance="{conformance}" pdf:Producer="{_PRODUCER}"
 xmp:CreateDate="{at}" xmp:ModifyDate="{at}" xmp:MetadataDate="{at}">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
{about if subject else ""}
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{escape(paper.language)}</rdf:li></rdf:Bag></dc:language>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>"""
