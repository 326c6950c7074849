from dataclasses import replace

from gateway.paper.layout import MARGIN, PAGE_HEIGHT, Face, lay_out, wrapped
from gateway.paper.model import Grid, Paper, Paragraph


class Even:
    """A font whose characters are all half as wide as high."""

    def measure(self, character: str, *, bold: bool) -> float:
        return 0.5 if character else float(bold)

    def spelt(self, text: str) -> str:
        return text


def room(characters: int, face: Face) -> float:
    return face.size * 25.4 / 72 * 0.5 * (characters + 0.01)


def test_lines_break_between_words_and_long_words_are_cut() -> None:
    face = Face()
    assert wrapped("aa bb cc", room(5, face), face, Even()) == ["aa bb", "cc"]
    assert wrapped("abcdefgh", room(3, face), face, Even()) == ["abc", "def", "gh"]
    assert wrapped("a\n\nb", room(3, face), face, Even()) == ["a", "", "b"]


def test_no_line_is_lost_and_none_leaves_the_page(paper: Paper) -> None:
    text = "\n".join(f"line {number}" for number in range(300))
    pages = lay_out(replace(paper, blocks=(Paragraph(text),), attachment=None), Even())
    found = [line for page in pages for piece in page.pieces for line in piece.lines]
    assert [line for line in found if line.startswith("line ")] == text.split("\n")
    for page in pages:
        for piece in page.pieces:
            assert piece.y >= MARGIN
            assert piece.y + len(piece.lines) * piece.face.height <= PAGE_HEIGHT - MARGIN


def test_the_head_of_a_table_stands_on_every_page(paper: Paper) -> None:
    grid = Grid(("number", "text"), tuple((str(each), "x") for each in range(200)))
    pages = lay_out(replace(paper, blocks=(grid,), attachment=None), Even())
    assert len(pages) > 2
    for page in pages:
        assert ("number",) in [piece.lines for piece in page.pieces]


def test_a_row_longer_than_a_page_goes_on(paper: Paper) -> None:
    grid = Grid(("a",), (("\n".join(map(str, range(150))),),))
    pages = lay_out(replace(paper, blocks=(grid,), attachment=None), Even())
    found = [line for page in pages for piece in page.pieces for line in piece.lines]
    assert [line for line in found if line.isdigit()] == [str(each) for each in range(150)]
