import base64
from dataclasses import replace

from lxml import html

from gateway.paper.html import write_html
from gateway.paper.model import Paper

ACTIVE = {"script", "img", "iframe", "object", "embed", "link", "form", "input", "button", "svg", "base"}


def read(paper: Paper) -> html.HtmlElement:
    return html.document_fromstring(write_html(paper).decode())


def test_hostile_texts_stay_text(paper: Paper) -> None:
    page = read(paper)
    assert not {each.tag for each in page.iter() if isinstance(each.tag, str)} & ACTIVE
    assert not [name for each in page.iter() for name in each.attrib if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.findtext(".//h1")
    assert "[U+202E]" in page.findtext(".//h1")


def test_nothing_comes_from_elsewhere(paper: Paper) -> None:
    page = read(paper)
    assert page.xpath("//@src") == []
    assert [each[:5] for each in page.xpath("//@href")] == ["data:"]
    assert "url(" not in page.findtext(".//style")
    assert "default-src 'none'" in page.xpath("//meta[@http-equiv]/@content")[0]


def test_it_can_be_read_aloud(paper: Paper) -> None:
    page = read(paper)
    assert page.get("lang") == "fr-LU"
    assert page.findtext(".//title").startswith("Access to")
    assert [each.tag for each in page.xpath("//h1 | //h2 | //h3")] == ["h1", "h2", "h3"]
    assert page.xpath("//th/@scope") == ["col", "col"]
    assert len(page.xpath("//tbody/tr")) == 80
    assert len(page.xpath("//main")) == 1


def test_the_machine_form_is_in_it(paper: Paper) -> None:
    link = read(paper).xpath("//a")[0]
    assert link.get("download") == "machine.json"
    assert base64.b64decode(link.get("href").split(",")[1]) == paper.attachment.content
    assert read(replace(paper, attachment=None)).xpath("//a") == []
