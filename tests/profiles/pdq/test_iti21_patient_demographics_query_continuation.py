"""An ITI-21 answered in parts: continuation and cancel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.profiles.pdq.answers import FINE, Feed, Query, cx, errors, found, status


@pytest.fixture
def many(feed: Feed) -> list[str]:
    for number, given in enumerate(("Ada", "Bert", "Carl", "Dora", "Emil")):
        feed(f"A{number}", pid_5=f"Doe^{given}", pid_7=f"19{number}10102", pid_8="U")
    return [cx(f"A{number}", "PASSERELLE", "2.999.1.1") for number in range(5)]


def test_an_answer_comes_in_parts(gateway: Any, query: Query, many: list[str]) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    assert (status(first), len(found(first)), first.field("DSC-2")) == (FINE, 2, "I")
    second = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1")))
    assert (status(second), len(found(second))) == (FINE, 2)
    third = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=second.field("DSC-1")))
    assert (status(third), len(found(third)), third.segments("DSC")) == (FINE, 1, 0)
    assert sorted(found(first) + found(second) + found(third)) == many
    assert first.field("DSC-1").isalnum()


def test_a_part_can_be_asked_for_again_and_has_a_size_of_its_own(
    gateway: Any, query: Query, many: list[str]
) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="1^RD"))
    pointer = first.field("DSC-1")
    parts = [found(gateway.send(*query("@PID.5.1^Doe", rcp=rcp, pointer=pointer))) for rcp in ("2", "2", "")]
    assert parts[0] == parts[1] == parts[2][:2]
    assert found(first) + parts[2] == many


def test_the_same_request_for_a_part_has_the_same_answer(gateway: Any, query: Query, many: list[str]) -> None:
    assert many
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    sent = query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1"))
    assert gateway.octets(*sent) == gateway.octets(*sent)


def test_who_has_gone_meanwhile_is_passed_over(
    gateway: Any, adt: Callable[..., Sequence[str]], query: Query, many: list[str]
) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="1^RD"))
    ended, stays = (f"A{number}^^^&2.999.1.1&ISO" for number in (1, 0))
    assert gateway.send(*adt("A40", stays, ended)).field("MSA-1") == "AA"
    rest = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1")))
    assert found(rest) == many[2:4]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("pointer", "tag"), [("nothing", "tag-1"), ("", "tag-2")])
def test_an_unknown_pointer_or_another_tag_is_refused(
    gateway: Any, query: Query, pointer: str, tag: str
) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    sent = query("@PID.5.1^Doe", rcp="2^RD", pointer=pointer or first.field("DSC-1"), tag=tag)
    answer = gateway.send(*sent)
    assert (status(answer), errors(answer), found(answer)) == (("AE", "AE"), [("DSC^1^1", "204")], [])


@pytest.mark.usefixtures("many")
def test_a_pointer_expires(gateway: Any, query: Query) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    now = gateway.engine.clock()
    later = replace(gateway, engine=replace(gateway.engine, clock=lambda: now + timedelta(days=1)))
    answer = later.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1")))
    assert errors(answer) == [("DSC^1^1", "204")]


@pytest.mark.usefixtures("many")
def test_a_pointer_of_another_system_is_unknown(gateway: Any, query: Query) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    nodes = gateway.engine.nodes

    class Other:
        def authenticate(self, *given: Any) -> Any:
            return replace(nodes.authenticate(*given), name="clinic")

    other = replace(gateway, engine=replace(gateway.engine, nodes=Other()))
    answer = other.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1")))
    assert errors(answer) == [("DSC^1^1", "204")]


@pytest.mark.usefixtures("many")
def test_a_query_that_was_cancelled_does_not_go_on(
    gateway: Any, query: Query, cancel: Callable[[str], Sequence[str]]
) -> None:
    first = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD"))
    for tag in ("tag-1", "tag-1", "never heard of"):
        answer = gateway.send(*cancel(tag))
        assert (answer.field("MSA-1"), answer.field("MSH-9")) == ("AA", "ACK^J01^ACK")
    answer = gateway.send(*query("@PID.5.1^Doe", rcp="2^RD", pointer=first.field("DSC-1")))
    assert errors(answer) == [("DSC^1^1", "204")]


@pytest.mark.parametrize(("segments", "place", "code"), [((), "QID", "100"), (("QID||x",), "QID^1^1", "101")])
def test_a_cancel_without_its_query_is_refused(
    gateway: Any,
    cancel: Callable[[str], Sequence[str]],
    segments: Sequence[str],
    place: str,
    code: str,
) -> None:
    answer = gateway.send(cancel("x")[0], *segments)
    assert (answer.field("MSA-1"), errors(answer)) == ("AE", [(place, code)])
    assert answer.field("MSH-9") == "ACK^J01^ACK"
