from collections.abc import Callable
from typing import Any

import pytest
from answer import Answer, Retrieved, parse
from cases import Case, Variable
from feed import Feeder
from memory import Memory
from substitute import BlockedError, ByHandError, Values, into_text, into_xml
from target import Target

TARGET = Target(
    endpoints={"registry": "https://r/"},
    patient_root="2.999.1.1",
    home_community_id="2.999.1.2",
    repository_unique_id="2.999.1.3",
    source_id="",
)


def case(name: str, *variables: dict[str, Any], transaction: str = "ITI-18", test: str = "t") -> Case:
    return Case(
        id=name,
        transaction=transaction,
        title="",
        test=test,
        section="s",
        step=name,
        element="T",
        target=None,
        file=None,
        documents=(),
        variables=tuple(Variable(token=v["token"], kind=v["kind"], details=v) for v in variables),
        preconditions=(),
        expected={},
        soap_action=None,
        mtom=None,
        assertion=None,
        direction="",
        http_headers={},
        request={},
        config=(),
        renew_unique_ids=False,
        note="",
    )


def values(memory: Memory, fed: list[bytes], status: str = "AA") -> Values:
    def send(message: bytes) -> Answer:
        fed.append(message)
        return Answer(status=status)

    return Values(memory=memory, target=TARGET, feeder=Feeder("2.999.1.1", send), patient_url=lambda _: None)


def test_values_are_escaped_in_xml_and_plain_in_hl7() -> None:
    given = {"$pid$": "A^^^&2.999&ISO"}
    assert (
        into_xml("<a b=\"$pid$\">'$pid$'</a>", given)
        == "<a b=\"A^^^&amp;2.999&amp;ISO\">'A^^^&amp;2.999&amp;ISO'</a>"
    )
    assert into_text("PID|||$pid$", given) == "PID|||A^^^&2.999&ISO"


def test_a_token_that_begins_another_does_not_swallow_half_of_it() -> None:
    assert into_text("$patientid$ $patientid", {"$patientid": "one", "$patientid$": "two"}) == "one one"


def test_tokens_are_replaced_in_list_order() -> None:
    assert into_text("a", {"a": "b", "b": "c"}) == "c"


def test_a_value_with_a_backslash_stands_as_it_is() -> None:
    assert into_text("$x$", {"$x$": r"\1\g<0>"}) == r"\1\g<0>"


def test_a_text_may_hold_tokens_that_come_later() -> None:
    memory = Memory()
    memory.patients["a"] = "X-1^^^&2.999.1.1&ISO"
    asked = case(
        "b",
        {"token": "$asked$", "kind": "text", "value": "@PID.3.1^$number$"},
        {"token": "$number$", "kind": "case-number", "case": "a"},
    )
    assert into_text("QPD|$asked$", values(memory, []).of(asked)) == "QPD|@PID.3.1^X-1"


def test_a_field_of_an_earlier_answer() -> None:
    memory = Memory()
    memory.answers["a"] = Answer(status="AA", text="MSH|^~\\&|\rDSC|next|I\r")
    variable = {"token": "$pointer$", "kind": "case-hl7", "case": "a", "field": "DSC-1"}
    assert values(memory, []).of(case("b", variable)) == {"$pointer$": "next"}
    with pytest.raises(BlockedError, match="has no DSC-3"):
        values(memory, []).of(case("c", {**variable, "field": "DSC-3"}))


def test_a_new_word_is_a_name() -> None:
    found = [values(Memory(), []).of(case("a", {"token": "$x$", "kind": "new-word"}))["$x$"] for _ in "ab"]
    assert all(each.isalpha() and each.isascii() for each in found)
    assert found[0] != found[1]


def test_fresh_values_are_fresh_and_remembered() -> None:
    memory = Memory()
    found = values(memory, []).of(
        case("a", {"token": "$o$", "kind": "new-oid"}, {"token": "$u$", "kind": "new-uuid"})
    )
    again = values(memory, []).of(case("b", {"token": "$o$", "kind": "new-oid"}))
    assert found["$o$"].startswith("2.")
    assert len(found["$o$"]) <= 64
    assert found["$u$"].startswith("urn:uuid:")
    assert again["$o$"] != found["$o$"]
    later = case("c", {"token": "$x$", "kind": "case-token", "case": "a", "value": "$o$"})
    assert values(memory, []).of(later) == {"$x$": found["$o$"]}


def test_a_new_patient_is_fed_unless_the_case_is_the_feed() -> None:
    memory, fed = Memory(), []
    patient = {"token": "$p$", "kind": "new-patient"}
    assert (
        values(memory, fed)
        .of(case("feed", patient, transaction="ITI-8"))["$p$"]
        .endswith("^^^&2.999.1.1&ISO")
    )
    assert fed == []
    found = values(memory, fed).of(case("other", patient))["$p$"]
    assert len(fed) == 1
    assert f"|{found}|".encode() in fed[0]
    assert b"\n" not in fed[0]


def test_one_session_patient_for_each_test() -> None:
    memory, fed = Memory(), []
    patient = {"token": "$p$", "kind": "session-patient"}
    first = values(memory, fed).of(case("a", patient))
    assert values(memory, fed).of(case("b", patient)) == first
    assert values(memory, fed).of(case("c", patient, test="other")) != first
    assert len(fed) == 2


def test_an_unknown_patient_is_never_fed() -> None:
    fed: list[bytes] = []
    found = values(Memory(), fed).of(case("a", {"token": "$p$", "kind": "unknown-patient"}))
    assert found["$p$"].endswith("^^^&2.999.1.1&ISO")
    assert fed == []


def test_a_refused_feed_blocks_the_case() -> None:
    with pytest.raises(BlockedError, match="AE"):
        values(Memory(), [], "AE").of(case("a", {"token": "$p$", "kind": "session-patient"}))


def test_patient_of_a_case_is_its_own_else_that_of_its_answer() -> None:
    memory = Memory()
    own = values(memory, []).of(case("a", {"token": "$p$", "kind": "unknown-patient"}))["$p$"]
    memory.answers["b"] = Answer(
        status="Success",
        payload=parse(
            b"<r><ExternalIdentifier value='X^^^&amp;1.2&amp;ISO' "
            b"identificationScheme='urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427'/></r>"
        ),
    )
    asked = case(
        "c",
        {"token": "$1$", "kind": "case-patient", "case": "a"},
        {"token": "$2$", "kind": "case-patient", "case": "b"},
    )
    assert values(memory, []).of(asked) == {"$1$": own, "$2$": "X^^^&1.2&ISO"}


def test_xpath_takes_the_first_node_of_request_or_answer() -> None:
    memory = Memory()
    request = parse(b"<a><b id='1'/><b id='2'/></a>")
    assert request is not None
    memory.requests["a"] = request
    memory.answers["a"] = Answer(status="Success", payload=parse(b"<a><b> text <i>more</i></b></a>"))

    def asked(where: str, path: str) -> Case:
        return case("x", {"token": "$x$", "kind": "case-xpath", "case": "a", "on": where, "xpath": path})

    assert values(memory, []).of(asked("request", "//b/@id"))["$x$"] == "1"
    assert values(memory, []).of(asked("response", "//b"))["$x$"] == "text more"
    with pytest.raises(BlockedError, match="nothing at //c"):
        values(memory, []).of(asked("response", "//c"))


def test_fields_of_retrieved_documents() -> None:
    memory = Memory()
    memory.answers["a"] = Answer(
        status="Success",
        documents=(Retrieved(home="h", repository="r", unique_id="u", mime_type="m", content=b"abc"),),
    )

    def asked(name: str) -> Case:
        return case("x", {"token": "$x$", "kind": "retrieved", "case": "a", "index": 0, "field": name})

    found = [
        values(memory, []).of(asked(name))["$x$"] for name in ("repuid", "mimetype", "home", "size", "hash")
    ]
    assert found == ["r", "m", "h", "3", "a9993e364706816aba3e25717850c26c9cd0d89d"]


@pytest.mark.parametrize(
    ("variable", "check"),
    [
        ({"kind": "config", "name": "homeCommunityId"}, lambda v: v == "urn:oid:2.999.1.2"),
        ({"kind": "config", "name": "repositoryUniqueId"}, lambda v: v == "2.999.1.3"),
        ({"kind": "config", "name": "endpoint"}, lambda v: v == "https://r/"),
        ({"kind": "now-dtm"}, lambda v: v.isdigit() and len(v) == 14),
        ({"kind": "dtm-one-year-ago"}, lambda v: v.isdigit() and len(v) == 14),
        ({"kind": "today-yyyymmdd"}, lambda v: v.isdigit() and len(v) == 8),
        ({"kind": "any", "token": "$home$"}, lambda v: v.startswith("urn:oid:")),
        ({"kind": "fill", "meaning": "new OID or document"}, lambda v: v.startswith("2.")),
    ],
)
def test_other_kinds(variable: dict[str, Any], check: Callable[[str], bool]) -> None:
    token = variable.get("token", "$x$")
    assert check(values(Memory(), []).of(case("a", {"token": token, **variable}))[token])


@pytest.mark.parametrize(
    "variable",
    [
        {"kind": "operator", "meaning": "a thing"},
        {"kind": "fill", "meaning": "entryUUID of the document referred to"},
        {"kind": "config", "name": "sourceId"},
        {"kind": "fhir-patient-url"},
    ],
)
def test_what_must_be_set_up_by_hand(variable: dict[str, Any]) -> None:
    with pytest.raises(ByHandError):
        values(Memory(), []).of(case("a", {"token": "$x$", **variable}))
