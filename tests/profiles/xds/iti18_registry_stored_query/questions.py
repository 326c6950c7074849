"""Requests drawn at random: most of them about what is there, some of them faulty."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from gateway.record.people import PatientId
from profiles.xds.wire.requests import StoredQuery
from tests.profiles.xds.iti18_registry_stored_query.objects import (
    APPROVED,
    AS,
    DE,
    DEPRECATED,
    FD,
    OFFLINE,
    ON_DEMAND,
    ONLINE,
    PARAMETERS,
    SS,
    STABLE,
    Item,
    Request,
    Slot,
)
from tests.profiles.xds.iti18_registry_stored_query.reading import Query
from tests.profiles.xds.iti18_registry_stored_query.worlds import PATIENTS, ROOT, TIMES, World


def pool(world: World, name: str, *, wrong: bool) -> list[str]:
    """Values that make sense for a parameter, with some that match nothing; or such as nobody may send."""
    kind, attribute, form = PARAMETERS[name]
    if wrong:
        of_wrong = {"code": ["no scheme"], "from": ["May"], "to": ["2025-06"], "level": ["3"]}
        return of_wrong.get(form, ["urn:x:other"])
    of_attribute = {
        "patientId": [str(each) for each in (*PATIENTS[:2] * 3, *PATIENTS[2:], PatientId("NOBODY", ROOT))],
        "objectType": [STABLE, ON_DEMAND],
        "documentAvailability": [ONLINE, OFFLINE],
        "associationType": sorted(world.values(AS, attribute)),
    }
    times = [*TIMES, "20260304050607", "20260304050608"]
    of_form = {
        "status": [APPROVED, DEPRECATED],
        "from": times,
        "to": times,
        "level": ["1", "2", "2"],
    }
    if attribute in of_attribute or form in of_form:
        return of_attribute.get(attribute) or of_form[form]
    values = world.values(kind, attribute)
    if form == "like":
        return [*values, "%Doe%", "_^%", "3^Roe_^J_", "%", "1^doe^jo", "R%", "%urn:b", "%'s%", "none"]
    if form == "uuid":
        return [*values, values[0].upper(), "urn:uuid:none"]
    return [*values, "none^^2.999.5"] if form == "code" else [*values, "none"]


ANCHORS = {DE: (DE,), SS: (SS,), FD: (FD,), AS: (AS,), "any": (DE, FD)}


def likely(world: World, name: str, anchors: dict[str, Item], *, wrong: bool) -> st.SearchStrategy[str]:
    """A value of a parameter; twice out of three times the one that a chosen object has."""
    kind, attribute, _ = PARAMETERS[name]
    every = st.sampled_from(pool(world, name, wrong=wrong))
    held = () if wrong or kind not in anchors else anchors[kind].values.get(attribute, ())
    return st.one_of(st.sampled_from(held), st.sampled_from(held), every) if held else every


FAULTS = (
    "none",
    "none",
    "none",
    "none",
    "none",
    "none",
    "value",
    "list",
    "count",
    "missing",
    "repeated",
    "pair",
    "twin",
    "other",
)


@st.composite
def requests(draw: st.DrawFn, world: World, query: Query) -> Request:
    """A request; in some one thing is wrong, if the query has such a thing."""
    fault = draw(st.sampled_from(FAULTS))
    pair, any_of = query.needing("P"), query.needing("*")
    names = [*query.needing("R")]
    names += draw(st.lists(st.sampled_from(pair), min_size=1, max_size=1)) if pair else []
    names += [draw(st.sampled_from(any_of))] if any_of else []
    more = [*query.needing("O"), *any_of]
    names += draw(st.lists(st.sampled_from(more), unique=True, max_size=3)) if more else []
    if "$MetadataLevel" in query.given and draw(st.booleans()):
        names.append("$MetadataLevel")
    names = [
        name
        for name in names
        if name.removesuffix("Exclude") not in names
        or name in query.needing("R")
        or not name.endswith("Exclude")
    ]
    if fault == "pair":
        names += pair
    if fault == "twin":
        names += [f"{name}Exclude" for name in names if f"{name}Exclude" in query.given]
    if fault == "missing":
        names.remove(draw(st.sampled_from(names)))
    names = list(dict.fromkeys(names))
    bad = draw(st.sampled_from(names)) if names else ""
    anchors = {kind: world.items[draw(st.sampled_from(world.ids(*kinds)))] for kind, kinds in ANCHORS.items()}
    chosen = []
    for name in names:
        number, spoiled = query.given[name][1], name == bad
        times = 1 + (number == "A" and draw(st.booleans())) + (spoiled and fault == "repeated")
        most = 1 + (number != "1") * 3 + (spoiled and fault == "count")
        value = likely(world, name, anchors, wrong=spoiled and fault == "value")
        one_slot = st.lists(value, min_size=1, max_size=most)
        listed = (number != "1") != (spoiled and fault == "list")
        for _ in range(times):
            values = draw(one_slot)
            chosen.append(Slot(name, tuple(values if listed or number == "1" else values[:1]), listed))
    other = {"ITI-18": "ITI-51", "ITI-51": "ITI-18"}[query.transaction]
    changed = draw(st.sampled_from(["transaction", "type"])) if fault == "other" else ""
    return Request(
        transaction=other if changed == "transaction" else query.transaction,
        query=query.id,
        return_type="RegistryObject"
        if changed == "type"
        else draw(st.sampled_from(["LeafClass", "ObjectRef"])),
        slots=tuple(draw(st.permutations(chosen))),
    )


def written(request: Request, dice: random.Random) -> StoredQuery:
    """The request on the wire: quoted, split over Value elements, with blanks where they may be."""
    return StoredQuery(
        identifier=request.query,
        return_type=request.return_type,
        home=dice.choice([None, "urn:oid:2.999.1.2"]),
        slots=[(slot.name, raw(slot, dice)) for slot in request.slots] + [("$unknown", ("'x'",))],
        text=b"<q/>",
    )


def raw(slot: Slot, dice: random.Random) -> tuple[str, ...]:
    plain = slot.name.endswith(("From", "To")) or slot.name == "$MetadataLevel"
    texts = [each if plain else "'{}'".format(each.replace("'", "''")) for each in slot.values]
    if not slot.listed:
        return tuple(texts)
    cut = dice.randint(1, len(texts))
    parts = [part for part in (texts[:cut], texts[cut:]) if part]
    blank = dice.choice([",", " , "])
    return tuple(f"({blank.join(part)})" for part in parts)
