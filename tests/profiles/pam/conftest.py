"""The gateway of the PIX tests, with the PAM profile; a node of its own; messages of version 2.5."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.declare.transaction import Profile
from profiles.pam.profile import PROFILE

_spec: Any = importlib.util.spec_from_file_location(
    "conftest_of_pix", Path(__file__).parents[1] / "pix" / "conftest.py"
)
_pix: Any = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _pix
_spec.loader.exec_module(_pix)

domain, empty, gateway, every_field = _pix.domain, _pix.empty, _pix.gateway, _pix.every_field
STRUCTURES = {
    **dict.fromkeys(("A01", "A04", "A08", "A13", "Z99"), "ADT_A01"),
    **dict.fromkeys(("A05", "A14", "A28", "A31"), "ADT_A05"),
    **dict.fromkeys(("A06", "A07"), "ADT_A06"),
    **dict.fromkeys(("A09", "A10", "A11"), "ADT_A09"),
    **dict.fromkeys(("A21", "A22", "A25", "A26", "A27", "A32", "A33"), "ADT_A21"),
    **dict.fromkeys(("A52", "A53", "A55"), "ADT_A52"),
    **{each: f"ADT_{each}" for each in ("A02", "A03", "A12", "A15", "A16", "A24", "A37", "A38", "A54")},
    "A40": "ADT_A39",
    "A44": "ADT_A43",
    "A47": "ADT_A30",
}


@pytest.fixture
def spoken() -> Sequence[Profile]:
    return (PROFILE,)


@pytest.fixture
def node() -> str:
    return str(_pix.NODE).replace('"ITI-8"', '"ITI-30", "ITI-31"')


@pytest.fixture
def adt() -> Callable[..., tuple[str, ...]]:
    """adt("A01", "X^^^LOCAL", pv1_19="V1", zbe="M1|20261122||INSERT|N"); also merged="…", second="…"."""
    numbers = itertools.count(1)

    def make(trigger: str, patient: str, **given: str) -> tuple[str, ...]:
        control = given.pop("control", f"ID-{next(numbers)}")
        merged, second, zbe = (given.pop(name, None) for name in ("merged", "second", "zbe"))
        mrg = {name: given.pop(name) for name in list(given) if name.startswith("mrg_")}
        kind = f"ADT^{trigger}^{STRUCTURES.get(trigger, f'ADT_{trigger}')}"
        visit = {name: given.pop(name) for name in list(given) if name.startswith("pv1_")}
        evn = f"EVN||20261122|{'20261201' if trigger in {'A15', 'A26'} else ''}"
        segments = [
            f"MSH|^~\\&|KIS|HOSP|REG|DOM|20261122||{kind}|{control}|P|2.5||||||UNICODE UTF-8",
            evn.rstrip("|"),
            _segment("PID", 40, {"pid_3": patient, **given}),
        ]
        if merged is not None:
            return (*segments, _segment("MRG", 10, {"mrg_1": merged, **mrg}))
        if second is not None:
            return (*segments, f"PID|||{second}||Doe^Jo")
        pending = {"pv1_42": "W2^1"} if trigger in {"A15", "A26"} else {}
        segments.append(_segment("PV1", 60, {"pv1_2": "I", **pending, **visit}))
        return (*segments, f"ZBE|{zbe}") if zbe is not None else tuple(segments)

    return make


def _segment(name: str, fields: int, given: dict[str, str]) -> str:
    held = [name, *[""] * fields]
    for each, value in given.items():
        held[int(each.partition("_")[2])] = value
    return "|".join(held).rstrip("|")
