"""Our schemas give the same verdict as the official ones, on a corpus that lies outside the repository."""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus"
OFFICIAL = CORPUS / "xsd" / "xds"
NAMES = {
    "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0": ("query.xsd", "ebrs/query.xsd"),
    "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0": ("lcm.xsd", "ebrs/lcm.xsd"),
    "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0": ("rs.xsd", "ebrs/rs.xsd"),
    "urn:ihe:iti:xds-b:2007": ("XDS.b_DocumentRepository.xsd", "ihe/xdsb.xsd"),
    "urn:ihe:iti:rmd:2017": ("rmd.xsd", "ihe/rmd.xsd"),
}
TRANSACTIONS = (18, 41, 42, 43, 51, 57, 61, 62, 86, 92)
TOKEN = re.compile(rb"\$[\w.:-]+\$")
ENVELOPE_BODY = re.compile(r"\{http://(www\.w3\.org/2003/05|schemas\.xmlsoap\.org/soap)[^}]*\}Body")
INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
MUTANTS = 3_000

pytestmark = pytest.mark.skipif(
    not OFFICIAL.is_dir(),
    reason=f"no official schemas in {OFFICIAL}; name their place with PASSERELLE_SHARED",
)

Verdicts = Callable[[etree._Element], tuple[bool, bool]]


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """The official verdict on a body, and ours."""
    pairs = {
        namespace: (_schema(OFFICIAL / official), _schema(ROOT / "schemas" / ours))
        for namespace, (official, ours) in NAMES.items()
    }

    def both(body: etree._Element) -> tuple[bool, bool]:
        official, ours = pairs[etree.QName(body).namespace or ""]
        return official.validate(body), ours.validate(body)

    return both


def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path, etree.XMLParser(no_network=True)))


def _body(path: Path) -> etree._Element | None:
    """What stands in the Body, or the root without an envelope; tokens are filled, Includes taken out."""
    try:
        root = etree.fromstring(TOKEN.sub(b"1", path.read_bytes()), etree.XMLParser(no_network=True))
    except etree.XMLSyntaxError:
        return None
    body = next((each for each in root.iter("{*}Body") if ENVELOPE_BODY.fullmatch(each.tag)), None)
    found = root if body is None else next(body.iterchildren("*"), None)
    if found is None or etree.QName(found).namespace not in NAMES:
        return None
    copied = deepcopy(found)
    for include in list(copied.iter(INCLUDE)):
        holder = include.getparent()
        if holder is not None:
            holder.remove(include)
    return copied


def _bodies() -> Iterator[tuple[str, etree._Element]]:
    for number in TRANSACTIONS:
        for path in sorted((CORPUS / f"iti-{number}").rglob("*")):
            body = _body(path) if path.is_file() else None
            if body is not None:
                yield str(path.relative_to(CORPUS)), body


def test_every_body_of_the_corpus_gets_the_official_verdict(verdicts: Verdicts) -> None:
    seen = {name: verdicts(body) for name, body in _bodies()}

    assert {name: both for name, both in seen.items() if both[0] != both[1]} == {}
    assert len(seen) > 300
    assert [name for name, both in seen.items() if not both[0]] != []


def test_the_verdicts_recorded_with_the_cases_are_ours_too(verdicts: Verdicts) -> None:
    wrong, compared = [], 0
    for line in (CORPUS / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        known = case.get("transaction") in {f"ITI-{number}" for number in TRANSACTIONS}
        path = next((CORPUS / name for name in case.get("files", ())), None)
        body = _body(path) if known and path and "xsd" in case else None
        if body is not None:
            compared += 1
            if verdicts(body)[1] != case["xsd"].startswith("valid"):
                wrong.append(case["id"])

    assert wrong == []
    assert compared > 400


def test_bodies_changed_at_random_get_the_official_verdict(verdicts: Verdicts) -> None:
    """One known difference is left out: the official rmd.xsd allows one document, its text several."""
    chance = random.Random(20261122)  # noqa: S311 - to repeat a run
    bodies = [body for name, body in _bodies() if len(body) < 50 and not name.startswith("iti-86")]
    pool = [each for body in chance.sample(bodies, 60) for each in body.iter("*")]
    differing = []
    refused = 0
    for _ in range(MUTANTS):
        mutant = deepcopy(chance.choice(bodies))
        told = _mutate(mutant, pool, chance)
        official, ours = verdicts(mutant)
        refused += not official
        if official != ours:
            differing.append(told)

    assert differing == []
    assert MUTANTS // 10 < refused < MUTANTS


def _mutate(body: etree._Element, pool: list[etree._Element], chance: random.Random) -> str:
    place = chance.choice(list(body.iter("*")))
    parent = place.getparent()
    kind = chance.choice(("attribute", "no attribute", "insert", "remove", "text", "name", "twice"))
    if kind == "attribute":
        name = chance.choice(
            ("id", "home", "lid", "status", "value", "name", "mimeType", "isOpaque", "other")
        )
        place.set(name, chance.choice(("", "1", "true", "x y", "x" * 300, "x" * 1_025)))
    elif kind == "no attribute" and place.attrib:
        del place.attrib[chance.choice(list(place.attrib))]
    elif kind == "insert":
        place.insert(chance.randint(0, len(place)), deepcopy(chance.choice(pool)))
    elif kind == "remove" and parent is not None:
        parent.remove(place)
    elif kind == "text":
        place.text = chance.choice((" ", "x", "x" * 257))
    elif kind == "name":
        place.tag = chance.choice(pool).tag
        if etree.QName(body).namespace not in NAMES:
            place.tag = "{urn:ihe:iti:xds-b:2007}other"
    elif kind == "twice" and parent is not None:
        parent.append(deepcopy(place))
    return f"{kind} at {etree.QName(place).localname} of {etree.QName(body).localname}"
