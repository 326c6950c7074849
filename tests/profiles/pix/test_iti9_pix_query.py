"""The six cases of ITI TF-2 3.9.4.2.3 through the whole pipeline, and what stands beside them."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from gateway.record.domain import Domain, IdentityDomain, Kind

Adt = Callable[..., tuple[str, ...]]
LAB, RAD, SECRET = "2.999.3.1", "2.999.3.2", "2.999.3.3"
FORMS = {
    "namespace": lambda name, _root: name,
    "oid": lambda _name, root: f"&{root}&ISO",
    "both": lambda name, root: f"{name}&{root}&ISO",
}
ROOTS = {"LAB": LAB, "RAD": RAD, "PASSERELLE": "2.999.1.1", "SECRET": SECRET}


@pytest.fixture
def domain(domain: Domain) -> Domain:
    identities = {
        LAB: IdentityDomain(namespace="LAB", root=LAB),
        RAD: IdentityDomain(namespace="RAD", root=RAD, kind=Kind.LOCAL),
        SECRET: IdentityDomain(namespace="SECRET", root=SECRET, readers=frozenset({"another"})),
    }
    return replace(domain, identities=identities)


@pytest.fixture
def known(gateway: Any, adt: Adt) -> Any:
    """One person with an identifier in three domains and two in a fourth; another with one alone."""
    first = f"A^^^&2.999.1.1&ISO~L 1^^^&{LAB}&ISO~S1^^^&{SECRET}&ISO"
    second = f"A^^^&2.999.1.1&ISO~R1^^^&{RAD}&ISO"
    third = f"L 1^^^&{LAB}&ISO~R2^^^&{RAD}&ISO"
    told = {"pid_5": "Doe^Jo", "pid_7": "19700102", "pid_8": "M"}
    for listed in (first, second, third):
        assert gateway.send(*adt("A01", listed, **told)).field("MSA-1") == "AA"
    alone = {"pid_5": "Roe^Al", "pid_7": "19800304", "pid_8": "F"}
    assert gateway.send(*adt("A01", f"L9^^^&{LAB}&ISO", **alone)).field("MSA-1") == "AA"
    return gateway


NUMBERS = itertools.count(1)
ANYBODY = ("A^^^PASSERELLE", "nobody^^^PASSERELLE", "X^^^NOWHERE")


def query(asked: str, targets: str = "", *, charset: str = "", kind: str = "QBP^Q23^QBP_Q21") -> list[str]:
    control = f"Q-{next(NUMBERS)}"
    return [
        f"MSH|^~\\&|KIS|HOSP|PIXM|DSP|20261122||{kind}|{control}|P|2.5||||||{charset}".rstrip("|"),
        f"QPD|IHE PIX Query|tag-1|{asked}" + (f"|{targets}" if targets else ""),
        "RCP|I",
    ]


def told(answer: Any) -> tuple[str, str, str, str]:
    """MSA-1, QAK-2, ERR-2, ERR-3.1."""
    return answer.field("MSA-1"), answer.field("QAK-2"), answer.field("ERR-2"), answer.raw("ERR-3.1")


FINE, NOTHING = ("AA", "OK", "", ""), ("AA", "NF", "", "")


@pytest.mark.parametrize("form", FORMS)
def test_one_identifier_in_each_domain(known: Any, form: str) -> None:
    named = FORMS[form]
    answer = known.send(*query(f"A^^^{named('PASSERELLE', '2.999.1.1')}", f"^^^{named('LAB', LAB)}"))
    assert told(answer) == FINE
    assert answer.segments("PID") == 1
    assert answer.sent("PID") == f"PID|||L 1^^^LAB&{LAB}&ISO||~^^^^^^S"


def test_several_identifiers_of_one_domain_stand_together(known: Any) -> None:
    answer = known.send(*query("A^^^PASSERELLE"))
    assert told(answer) == FINE
    assert answer.field("PID-3") == f"L 1^^^LAB&{LAB}&ISO~R1^^^RAD&{RAD}&ISO~R2^^^RAD&{RAD}&ISO"


def test_another_identifier_of_the_domain_asked_for(known: Any) -> None:
    answer = known.send(*query("R1^^^RAD", "^^^RAD"))
    assert told(answer) == FINE
    assert answer.field("PID-3") == f"R2^^^RAD&{RAD}&ISO"


def test_the_affinity_domain_comes_first(known: Any) -> None:
    answer = known.send(*query("R2^^^RAD"))
    assert answer.raw("PID-3") == "A^^^PASSERELLE&2.999.1.1&ISO"
    assert answer.repetitions("PID-3") == 3


@pytest.mark.parametrize("targets", ["", "^^^PASSERELLE", f"^^^&{RAD}&ISO~^^^PASSERELLE~"])
def test_nothing_in_the_domains_wanted(known: Any, targets: str) -> None:
    answer = known.send(*query("L9^^^LAB", targets))
    assert told(answer) == NOTHING
    assert answer.segments("PID") == answer.segments("ERR") == 0


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_identifier(known: Any, form: str) -> None:
    answer = known.send(*query(f"nobody^^^{FORMS[form]('LAB', LAB)}", "^^^NOWHERE"))
    assert told(answer) == ("AE", "AE", "QPD^1^3^1^1", "204")
    assert (answer.segments("ERR"), answer.segments("PID")) == (1, 0)
    assert answer.field("ERR-4") == "E"


@pytest.mark.parametrize(
    "authority", ["NOWHERE", "&2.999.77&ISO", "NOWHERE&2.999.77&ISO", f"LAB&{RAD}&ISO", "&lab.example&DNS"]
)
def test_an_unknown_domain(known: Any, authority: str) -> None:
    """Also one that is named twice, in two ways that do not agree; whatever the other fields say."""
    answer = known.send(*query(f"L 1^^^{authority}", "^^^NOWHERE"))
    assert told(answer) == ("AE", "AE", "QPD^1^3^1^4", "204")


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_domain_among_those_wanted(known: Any, form: str) -> None:
    named = FORMS[form]
    bad, good = named("NOWHERE", "2.999.77"), named("RAD", RAD)
    answer = known.send(*query("A^^^PASSERELLE", f"^^^{good}~^^^{bad}~^^^{bad}"))
    assert told(answer) == ("AE", "AE", "QPD^1^4^2", "204")
    assert (answer.segments("ERR"), answer.segments("PID")) == (1, 0)


def test_a_domain_of_others_is_as_unknown_as_none(known: Any) -> None:
    """Neither the answers nor the refusals tell that it is there."""
    pairs = [("S1^^^SECRET", ""), ("S1^^^NOWHERE", "")], [("A^^^PASSERELLE", "^^^SECRET")]
    assert told(known.send(*query(*pairs[0][0]))) == told(known.send(*query(*pairs[0][1])))
    assert told(known.send(*query(*pairs[1][0]))) == ("AE", "AE", "QPD^1^4^1", "204")
    assert "S1" not in known.send(*query("A^^^PASSERELLE")).field("PID-3")


def test_a_merged_identifier_is_unknown(known: Any, adt: Adt) -> None:
    assert known.send(*adt("A40", f"R1^^^&{RAD}&ISO", f"R2^^^&{RAD}&ISO")).field("MSA-1") == "AA"
    assert told(known.send(*query("R2^^^RAD"))) == ("AE", "AE", "QPD^1^3^1^1", "204")
    assert "R2" not in known.send(*query("A^^^PASSERELLE")).field("PID-3")


# --- what is wrong with the query ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({1: "QPD||tag-1|A^^^LAB"}, "QPD^1^1", "101"),
        ({1: "QPD|IHE PIX Query||A^^^LAB"}, "QPD^1^2", "101"),
        ({1: f"QPD|IHE PIX Query|{'t' * 129}|A^^^LAB"}, "QPD^1^2", "102"),
        ({1: "QPD|IHE PIX Query|tag-1"}, "QPD^1^3^1^4", "101"),
        ({1: "QPD|IHE PIX Query|tag-1|A"}, "QPD^1^3^1^4", "101"),
        ({1: "QPD|IHE PIX Query|tag-1|^^^LAB"}, "QPD^1^3^1^1", "101"),
        ({1: "QPD|IHE PIX Query|tag-1|A\\S\\B^^^LAB"}, "QPD^1^3^1^1", "102"),
        ({1: "QPD|IHE PIX Query|tag-1|A^^^LAB~B^^^LAB"}, "QPD^1^3", "102"),
        ({2: "RCP|D"}, "RCP^1^1", "103"),
        ({2: "ZZZ|1"}, "RCP", "100"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_as_a_query(
    known: Any, change: dict[int, str], place: str, code: str
) -> None:
    sent = query("A^^^LAB")
    for at, segment in change.items():
        sent[at] = segment
    answer = known.send(*sent)
    assert answer.field("MSH-9") == "RSP^K23^RSP_K23"
    assert told(answer) == ("AE", "AE", place, code)
    assert answer.sent("QPD") == sent[1]


def test_a_message_without_a_query_is_acknowledged(known: Any) -> None:
    answer = known.send(query("A^^^LAB")[0], "RCP|I")
    assert answer.field("MSH-9") == "ACK^Q23^ACK"
    assert (answer.field("MSA-1"), answer.field("ERR-2"), answer.raw("ERR-3.1")) == ("AE", "QPD", "100")


@pytest.mark.parametrize(
    ("kind", "place", "code"),
    [("QBP^Q21", "MSH^1^9^1^2", "201"), ("QBP^Q23^RSP_K23", "MSH^1^9^1^3", "200")],
)
def test_another_trigger_or_structure_is_rejected(known: Any, kind: str, place: str, code: str) -> None:
    answer = known.send(*query("A^^^LAB", kind=kind))
    assert answer.raw("MSH-9.1") == "ACK"
    assert (answer.field("MSA-1"), answer.field("ERR-2"), answer.raw("ERR-3.1")) == ("AR", place, code)


def test_blanks_after_the_version_are_no_part_of_it(known: Any) -> None:
    sent = query("A^^^PASSERELLE")
    assert told(known.send(f"{sent[0]} ", *sent[1:])) == FINE


def test_the_structure_may_be_left_out(known: Any) -> None:
    assert told(known.send(*query("A^^^PASSERELLE", kind="QBP^Q23"))) == FINE


# --- the answer ------------------------------------------------------------------------------------


def test_the_header_turns_sender_and_receiver_round(known: Any) -> None:
    sent = query("A^^^PASSERELLE", charset="8859/15")
    answer = known.send(*sent)
    assert [answer.field(f"MSH-{number}") for number in (3, 4, 5, 6)] == ["PIXM", "DSP", "KIS", "HOSP"]
    assert answer.field("MSH-9") == "RSP^K23^RSP_K23"
    assert (answer.field("MSH-12"), answer.field("MSH-18")) == ("2.5", "8859/15")
    assert answer.field("MSA-2") == sent[0].split("|")[9]
    assert answer.field("QAK-1") == "tag-1"
    assert answer.sent("QPD") == sent[1]


def test_the_answer_has_the_delimiters_of_the_query(known: Any) -> None:
    marks = str.maketrans({"|": "#", "^": "*", "~": "%", "\\": "!", "&": "?"})
    sent = [segment.translate(marks) for segment in query("A^^^&2.999.1.1&ISO", "^^^LAB")]
    answer = known.send(*sent)
    assert answer.sent("PID") == f"PID###L 1***LAB?{LAB}?ISO##%******S"
    assert told(answer) == FINE


@pytest.mark.parametrize("asked", ["A^^^PASSERELLE", "L9^^^LAB", "nobody^^^LAB"])
def test_another_implementation_reads_the_answer(known: Any, asked: str) -> None:
    text = known.octets(*query(asked)).decode()
    message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
    assert message.name == "RSP_K23"
    # QPD-4 and further are not known to hl7apy; no more than three fields are sent here.
    assert message.validate()


def test_the_same_message_again_has_the_same_answer(known: Any) -> None:
    sent = query("A^^^PASSERELLE")
    assert known.octets(*sent) == known.octets(*sent)


def test_the_audit_has_the_query_and_the_patient(known: Any) -> None:
    sent = query("A^^^PASSERELLE", charset="UNICODE UTF-8")
    known.send(*sent)
    row = known.audit()[-1]
    whole = "".join(f"{segment}\r" for segment in sent).encode()
    assert row.transaction == "ITI-9"
    assert row.outcome == 0
    assert 'EventActionCode="E"' in row.message
    assert 'csd-code="110112"' in row.message
    assert base64.b64encode(whole).decode() in row.message
    assert "A^^^&amp;2.999.1.1&amp;ISO" in row.message
    control = base64.b64encode(sent[0].split("|")[9].encode()).decode()
    assert len(re.findall(f'type="MSH-10" value="{control}"', row.message)) == 2


def test_a_node_that_is_not_enrolled_learns_nothing(known: Any) -> None:
    """The same refusal for who is there and who is not."""
    nodes = known.engine.nodes

    class Without:
        def authenticate(self, *given: Any) -> Any:
            return replace(nodes.authenticate(*given), transactions=frozenset({"ITI-8"}))

    fenced = replace(known, engine=replace(known.engine, nodes=Without()))
    answers = [fenced.send(*query(asked)) for asked in ANYBODY]
    assert {(each.field("MSA-1"), each.field("ERR-2"), each.raw("ERR-3.1")) for each in answers} == {
        ("AR", "", "207")
    }
    assert all(each.segments("PID") == 0 for each in answers)


def test_a_caller_without_the_right_learns_nothing(known: Any) -> None:
    """The policy gives the action to nobody: refused before anything is looked up."""
    policy = known.engine.policies.current()

    class Without:
        def current(self) -> Any:
            roles = {key: replace(rule, may={}) for key, rule in policy.roles.items()}
            return replace(policy, roles=roles)

        async def in_force(self) -> Any:
            return self.current()

    fenced = replace(known, engine=replace(known.engine, policies=Without()))
    answers = [fenced.send(*query(asked)) for asked in ANYBODY]
    assert {told(each) for each in answers} == {("AR", "AR", "", "207")}
    assert all(each.segments("PID") == 0 for each in answers)
