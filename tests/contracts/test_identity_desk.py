"""The desk of identity vigilance over real sockets: who is told, and several who decide at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.client.fhir import FhirRefused
from tests.receivers import CHANGES, LAB, WARD, Place

ENTRY = f"""
[[notify]]
form = "ITI-10"
address = "mllps://localhost:{{port}}"
domains = ["{WARD}", "{LAB}"]
"""
FAMILIES = ("THILL", "KRIER")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server with two workers."""
    changes = {**CHANGES, "directories.professionals": '"assumed"'}
    found = Place(prepare(tmp_path_factory.mktemp("desk") / "home", changes, watched=False), ENTRY)
    with serving(found.config, workers=2):
        yield found


def person(place: Place, name: str) -> Acting:
    return Acting.of(place.config, "identity-desk", "identity-manager", name)


async def question(place: Place, number: int) -> str:
    """The number of a review about two who may be one: WARD:<number> and LAB:9<number>."""
    for told, given in ((f"WARD:{number}", "ANNA"), (f"LAB:9{number}", "ANNE")):
        born, home = f"19{number + 7}00214", f"Rue {number}^^Esch^^4040"
        who = f"{FAMILIES[number]}^{given}||{born}|F|||{home}||+35262100000{number}"
        await place.feed(told, person=who)
    (review,) = await person(place, "eve").reviews(["requested"])
    return str(review["id"])


def test_subscribers_are_told_when_two_have_decided_and_when_it_is_undone(place: Place) -> None:
    async def main() -> None:
        async with place.mllp() as receiver, place.mllp("laboratory"):
            review = await question(place, 1)
            assert await receiver.told(2) == [{"1"}, {"91"}]
            await person(place, "eve").decide(review, "same", "-")
            done = await person(place, "adam").decide(review, "same", "-")
            assert (await receiver.told(3))[-1] == {"1", "91"}, "a proposal changed nobody"
            operation = done["output"][-1]["valueReference"]["reference"].removeprefix("Provenance/")
            await person(place, "carol").undo(operation, "two sisters")
            told = await receiver.told(5)
            assert sorted(told[-2:], key=sorted) == [{"1"}, {"91"}]
            await place.emptied()

    asyncio.run(main())


def test_of_several_who_confirm_at_once_one_decides(place: Place) -> None:
    async def main() -> None:
        async with place.mllp(), place.mllp("laboratory"):
            review = await question(place, 0)
            await person(place, "eve").decide(review, "same", "-")
            names = [f"person-{number}" for number in range(6)]
            found = await asyncio.gather(
                *(person(place, each).decide(review, "same", "-") for each in names), return_exceptions=True
            )
            refused = [each for each in found if isinstance(each, FhirRefused)]
            assert len(found) - len(refused) == 1
            assert {each.status for each in refused} == {409}
            reviews = await person(place, "eve").history(f"urn:oid:{LAB}|90")
            assert [each["activity"]["coding"][0]["code"] for each in reviews].count("review") == 1
            await place.emptied()

    asyncio.run(main())


def test_who_is_not_at_the_desk_is_refused(place: Place) -> None:
    asked = Acting.of(place.config, "identity-desk", "physician")
    with pytest.raises(FhirRefused, match="the request is not permitted"):
        asyncio.run(asked.reviews([]))
