"""Persons to be found, and what an answer says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LAB, RAD = "2.999.3.1", "2.999.3.2"
FORMS = {
    "namespace": lambda name, _root: name,
    "oid": lambda _name, root: f"&{root}&ISO",
    "both": lambda name, root: f"{name}&{root}&ISO",
}
Query = Callable[..., list[str]]
Feed = Callable[..., None]
FINE, NOBODY = ("AA", "OK"), ("AA", "NF")
JO = {"pid_5": "Doe^Jo", "pid_7": "19700102", "pid_8": "M"}
ANNE = {"pid_5": "Doering^Anne", "pid_7": "19800304", "pid_8": "F"}


def status(answer: Any) -> tuple[str, str]:
    """MSA-1 and QAK-2."""
    return answer.field("MSA-1"), answer.field("QAK-2")


def errors(answer: Any) -> list[tuple[str, str]]:
    """ERR-2 and ERR-3.1 of each."""
    found = range(1, answer.segments("ERR") + 1)
    return [(answer.field(f"ERR[{at}]-2"), answer.raw(f"ERR[{at}]-3.1")) for at in found]


def found(answer: Any) -> list[str]:
    """PID-3 of each person."""
    return [answer.field(f"PID[{at}]-3") for at in range(1, answer.segments("PID") + 1)]


def cx(number: str, name: str, root: str) -> str:
    return f"{number}^^^{name}&{root}&ISO"
