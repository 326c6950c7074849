"""What the desk of identity vigilance shows on a terminal of 80 columns: queue, question, history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from textwrap import fill
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]
_STATES = {
    "requested": "open",
    "in-progress": "proposed",
    "completed": "decided",
    "cancelled": "obsolete",
}
_WIDTH = 80
_BESIDE = 2
"""So many identities of the person stand beside the one that is asked about."""


def show_reviews(tasks: Sequence[Json]) -> None:
    """The queue; nothing of any patient is in it."""
    rows = (
        (
            each["id"],
            _STATES[each["status"]],
            each["authoredOn"][:10],
            f"{'! ' if each['priority'] == 'urgent' else ''}{_code(each['code'])}",
            _said(each),
        )
        for each in tasks
    )
    _print(_table(("Review", "State", "Asked", "Question", "Said"), rows))
    print(f"{len(tasks)} reviews")


def show_review(task: Json) -> None:
    """A question: why it is asked, what was said, and both sides."""
    print(f"{task['id']}  {_STATES[task['status']]}, {task['priority']}, {_code(task['code'])}")
    print(fill(task["description"], _WIDTH))
    print("\n".join(f"  {part}" for part in task["input"][0]["valueString"].split("; ")))
    for note in task.get("note", ()):
        said = f"{note['time'][:16].replace('T', ' ')}  {note['authorString']} {note['text']}"
        print(fill(said, _WIDTH, subsequent_indent="  "))
    subject, *others = task["contained"]
    for beside in _groups(others) or [()]:
        sides = (subject, *beside)
        heads = ("", "asked about", *("of the person" for _ in beside))
        told = [_facts(each) for each in sides]
        names = [name for name in told[0] if any(each[name] for each in told)]
        _print(_table(heads, ((name, *(each[name] for each in told)) for name in names)))


def told_of(task: Json) -> str:
    """What a word has come to."""
    outcomes = {each["type"]["text"]: each for each in task.get("output", ())}
    if "outcome" not in outcomes:
        proposed = outcomes["proposed outcome"]["valueCode"]
        return f"review {task['id']}: {proposed} is proposed; another person must confirm it"
    text = f"review {task['id']} is decided: {outcomes['outcome']['valueCode']}"
    operation = outcomes.get("operation", {}).get("valueReference", {}).get("reference", "")
    return f"{text}; operation {operation.removeprefix('Provenance/')}" if operation else text


def show_history(operations: Sequence[Json]) -> None:
    """Operations, the oldest first."""
    rows = (
        (
            each["id"],
            each["recorded"][:16].replace("T", "\n"),
            f"{_code(each['activity'])}\n{_why(each)}".strip(),
            each["agent"][0]["who"]["display"],
            "\n".join(_moves(each)),
        )
        for each in operations
    )
    _print(_table(("Operation", "When", "What", "Who", "Identities"), rows))
    print(f"{len(operations)} operations")


# --- parts ---------------------------------------------------------------------------------------


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number == 0, overflow="fold")
    for row in rows:
        # As text: what a source told is no markup.
        table.add_row(*(Text(value) for value in row))
    return table


def _print(table: Table) -> None:
    Console(highlight=False).print(table)


def _code(concept: Json) -> str:
    return str(concept["coding"][0]["code"])


def _said(task: Json) -> str:
    return "\n".join(f"{each['text']}, {each['authorString']}" for each in task.get("note", ()))


def _groups(others: Sequence[Json]) -> list[tuple[Json, ...]]:
    left = iter(others)
    groups = []
    while group := tuple(islice(left, _BESIDE)):
        groups.append(group)
    return groups


def _facts(patient: Json) -> dict[str, str]:
    own, *further = patient["identifier"]
    return {
        "Domain": str(own.get("assigner", {}).get("display", own["system"])),
        "Identifier": str(own["value"]),
        "Also": "\n".join(_named(each) for each in further),
        "Name": "\n".join(filter(None, map(_name, patient.get("name", ())))),
        "Born": str(patient.get("birthDate", "")),
        "Sex": str(patient.get("gender", "")),
        "Address": "\n".join(map(_address, patient.get("address", ()))),
        "Telecom": "\n".join(str(each.get("value", "")) for each in patient.get("telecom", ())),
        "Deceased": str(patient.get("deceasedDateTime", patient.get("deceasedBoolean", ""))),
    }


def _named(identifier: Json) -> str:
    return f"{identifier.get('assigner', {}).get('display', identifier['system'])} {identifier['value']}"


def _name(name: Json) -> str:
    parts = (*name.get("prefix", ()), name.get("family", ""), *name.get("given", ()))
    return " ".join(filter(None, parts))


def _address(address: Json) -> str:
    place = " ".join(filter(None, (address.get("postalCode", ""), address.get("city", ""))))
    return ", ".join(filter(None, (*address.get("line", ()), place, address.get("country", ""))))


def _why(operation: Json) -> str:
    """The rule of the decision, and the reason that somebody gave."""
    texts = (
        each["valueString"]
        for each in operation.get("extension", ())
        if each["url"].endswith("/identity-decision")
    )
    decision = orjson.loads(next(texts, "{}"))
    return "\n".join(str(decision[name]) for name in ("rule", "reason") if name in decision)


def _moves(operation: Json) -> Iterator[str]:
    """Each identity with the person it came from, and the one it went to or the identifier it ended in."""
    before = {
        _named(each["what"]["identifier"]): _person(each["what"])
        for each in operation.get("entity", ())
        if "identifier" in each["what"]
    }
    for each in operation["target"]:
        name = _named(each["identifier"])
        ended = [_named(one["valueIdentifier"]) for one in each.get("extension", ())]
        if ended:
            yield f"{name}\n  into {ended[0]}"
        elif before.get(name) == _person(each):
            yield name
        else:
            yield f"{name}\n  from {before.get(name, 'nobody')}\n  to   {_person(each)}"


def _person(reference: Json) -> str:
    return str(reference["reference"]).removeprefix("Patient/")
