"""The two pages for people: well-formed, escaped, readable without a script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lxml import etree

from profiles.xdm.wire.index import About, Person, index_page, readme_text
from profiles.xdm.wire.media import MediaSet, lay_out

ABOUT = About(institution='Clinic <"A" & B>', at=datetime(2026, 3, 4, 23, 6, 7, tzinfo=UTC))
H = "{http://www.w3.org/1999/xhtml}"


def laid_out(make: Any, *titles: str) -> MediaSet:
    entries = [make.entry(title=title, creation_time="202601") for title in titles]
    return lay_out([(make.submission(*entries), {})])[0]


def page(make: Any, about: About = ABOUT, *titles: str) -> etree._Element:
    listed = [(Person("P&1", "Jo <Doe>", "19700102"), laid_out(make, *(titles or ("<b>Letter</b>",))))]
    return etree.fromstring(index_page(about, listed).encode())


def test_the_index_lists_documents_by_patient(make: Any) -> None:
    root = page(make, ABOUT, "<b>Letter</b>", "Second")
    assert root.findtext(f".//{H}h2") == "Jo <Doe>, born 1970-01-02"
    links = {each.text: each.get("href") for each in root.iter(f"{H}a")}
    assert links == {
        "<b>Letter</b>": "IHE_XDM/SUBSET01/DOC00001.XML",
        "Second": "IHE_XDM/SUBSET01/DOC00002.XML",
        "About this medium": "README.TXT",
    }
    assert [each.text for each in root.iter(f"{H}th")] == ["Document", "Kind", "Date", "File type"]
    assert [each.text for each in root.iter(f"{H}td")][1:4] == ["Type", "2026-01", "text/xml"]


def test_the_index_needs_nothing_but_itself(make: Any) -> None:
    root = page(make)
    names = {etree.QName(each).localname for each in root.iter("*")}
    assert not names & {"script", "style", "link", "img", "iframe", "object", "form"}
    assert root.getroottree().docinfo.public_id == "-//W3C//DTD XHTML Basic 1.0//EN"
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert root.findtext(f"{H}head/{H}title") == 'Health documents from Clinic <"A" & B>'
    assert len(root.findall(f".//{H}caption")) == 1


def test_what_could_not_come_along_is_told(make: Any) -> None:
    about = About(institution="Clinic", at=ABOUT.at, absent=2)
    assert "2 documents of the record" in etree.tostring(page(make, about)).decode()
    assert "kept elsewhere" in readme_text(about, [])
    assert "kept elsewhere" not in readme_text(ABOUT, [])


def test_the_readme_names_who_made_the_medium_with_what(make: Any) -> None:
    text = readme_text(ABOUT, [(Person("P1"), laid_out(make, "A", "B"))])
    for word in ('Clinic <"A" & B>', "Passerelle", "Vendor", "2026-03-04", "IHE_XDM/SUBSET01   2 documents"):
        assert word in text
    assert "P1" not in text
    assert text.count("\n") == text.count("\r\n")
    assert max(map(len, text.splitlines())) < 80
