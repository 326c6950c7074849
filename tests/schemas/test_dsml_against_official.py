"""Our schema of DSML gives the same verdict as the official one, which lies outside the repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus"
OFFICIAL = CORPUS / "xsd/hpd/DSMLv2.xsd"
DSML = "{urn:oasis:names:tc:DSML:2:0:core}"
NAMES = (
    "addRequest", "attr", "value", "modification", "filter", "and", "not", "or", "present", "substrings",
    "equalityMatch", "extensibleMatch", "control", "searchRequest", "delRequest", "attributes", "other",
)  # fmt: skip
ATTRIBUTES = (
    "dn",
    "requestID",
    "name",
    "scope",
    "sizeLimit",
    "onError",
    "typesOnly",
    "deleteoldrdn",
    "other",
)
VALUES = ("", "x", "-1", "true", "2147483648", "exit", "a b", "1.2", "cn;binary")
LEAST = 4_000

pytestmark = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason=f"no official schema in {OFFICIAL}; name its place with PASSERELLE_SHARED"
)


def messages() -> Iterator[etree._Element]:
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True)
    for path in (*CORPUS.glob("iti-5[89]/*/*.xml"), *ROOT.glob("conformance/data/directory-*.xml")):
        yield etree.parse(path, parser).getroot()
    every = "".join(f"<{name}/>" for name in ("and", "or"))
    filters = f"""<and>{every}<not><present name="a"/></not><substrings name="a"><initial>x</initial>
        <any>y</any><any>z</any><final>w</final></substrings>
        <greaterOrEqual name="a"><value>1</value></greaterOrEqual>
        <extensibleMatch dnAttributes="true" matchingRule="x"><value/></extensibleMatch></and>"""
    yield etree.fromstring(
        f"""<batchRequest xmlns="{DSML[1:-1]}" processing="parallel" responseOrder="unordered">
        <searchRequest dn="" scope="baseObject" derefAliases="derefAlways" sizeLimit="1" timeLimit="2"
        typesOnly="1"><control type="1.2" criticality="true"><controlValue>x</controlValue></control>
        <filter>{filters}</filter><attributes><attribute name="cn"/></attributes></searchRequest>
        <modDNRequest dn="a" newrdn="b" deleteoldrdn="false" newSuperior="c"/></batchRequest>""",
        parser,
    )


def changes(place: etree._Element) -> Iterator[Callable[[etree._Element], object]]:
    """Every small change of an element: attributes, order, children, text."""
    for name in {*place.attrib, *ATTRIBUTES}:
        yield lambda each, name=name: each.attrib.pop(name, None)
        for value in VALUES:
            yield lambda each, name=name, value=value: each.set(name, value)
    yield lambda each: each.getparent() is not None and each.getparent().remove(each)
    yield lambda each: each.addnext(deepcopy(each)) if each.getparent() is not None else None
    yield lambda each: each.insert(0, each[-1]) if len(each) > 1 else None
    yield lambda each: setattr(each, "text", "text")
    for name in NAMES:
        yield lambda each, name=name: each.append(each.makeelement(f"{DSML}{name}"))
        yield lambda each, name=name: setattr(each, "tag", f"{DSML}{name}")


def test_messages_and_all_their_changes_get_the_official_verdict() -> None:
    official, ours = (
        etree.XMLSchema(etree.parse(path)) for path in (OFFICIAL, ROOT / "schemas/ihe/dsmlv2.xsd")
    )
    differing, seen = [], [0, 0]
    for message in messages():
        assert official.validate(message), official.error_log
        assert ours.validate(message), ours.error_log
        kinds: set[tuple[str, ...]] = set()
        for at, place in enumerate(message.iter(tag=etree.Element)):
            around = tuple(str(each.tag) for each in (place, *place.iterancestors()))
            if around in kinds:
                continue
            kinds.add(around)
            for change in changes(place):
                mutant = deepcopy(message)
                change(list(mutant.iter(tag=etree.Element))[at])
                verdict = official.validate(mutant)
                seen[verdict] += 1
                if verdict != ours.validate(mutant):
                    differing.append((around[0], etree.tostring(mutant)[:300]))
    assert differing == []
    assert min(seen) > LEAST // 10
    assert sum(seen) > LEAST
