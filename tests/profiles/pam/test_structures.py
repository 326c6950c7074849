"""What our tests send has the structures of HL7 v2.5, as somebody else's library sees them."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

Adt = Callable[..., tuple[str, ...]]
A, B = ("A^^^&2.999.1.1&ISO", "B^^^&2.999.1.1&ISO")
PAIRS = {"A40": {"merged": B}, "A47": {"merged": B}, "A44": {"merged": B, "mrg_3": "V1"}}
TWICE = frozenset({"A24", "A37"})
"""Two PID segments: the library knows one only, so each half is looked at for itself."""


def parsed(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser: Any = pytest.importorskip("hl7apy.parser")
        return parser.parse_message(text, find_groups=True)


@pytest.mark.parametrize(
    "trigger",
    [
        *("A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14"),
        *("A15", "A16", "A21", "A22", "A24", "A25", "A26", "A27", "A28", "A31", "A32", "A33", "A37", "A38"),
        *("A40", "A44", "A47", "A52", "A53", "A54", "A55"),
    ],
)
def test_messages_have_the_structure_they_name(adt: Adt, trigger: str) -> None:
    given = {"second": B} if trigger in TWICE else PAIRS.get(trigger, {"pv1_19": "V1"})
    segments = adt(trigger, A, pid_5="Doe^Jo", **given)
    if trigger in TWICE:
        segments = segments[:-1]
    found = parsed("\r".join(segments))
    assert found.name == segments[0].split("|")[8].split("^")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if trigger not in TWICE:
            assert found.validate()
        assert [line[:3] for line in found.to_er7().split("\r") if line] == [line[:3] for line in segments]
