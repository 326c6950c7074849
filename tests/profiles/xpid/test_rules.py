"""What an A43 may say, and where it is refused."""

import warnings
from typing import Any

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from gateway.errors import Meaning, Refused
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.xpid.rules import LinkChange, read_change

X1, X2 = "N^^^&2.999.1.1&ISO", "O^^^PASSERELLE&2.999.1.1&ISO"
L1, L2 = "L^^^&2.999.8.1&ISO", "K^^^&2.999.8.1&ISO"
DOMAIN = Domain(
    environment="integration",
    affinity_root="2.999.1.1",
    affinity_namespace="PASSERELLE",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://localhost:8443",
)


def read(pid: str, mrg: str, sender: str = "PIX^2.999.4.1^ISO") -> LinkChange:
    text = (
        f"MSH|^~\\&|{sender}|HOSP|REG|DOM|20261122||ADT^A43^ADT_A43|1|P|2.5\rEVN||20261122\r"
        f"PID|||{pid}|| |\rMRG|{mrg}"
    )
    return read_change(read_message(text.encode(), Limits()), DOMAIN)


def test_identifiers_stand_in_fixed_places() -> None:
    told = read(f"{X1}~{L1}", f"{X2}~{L2}")
    assert (told.new, told.previous) == (PatientId("N", "2.999.1.1"), PatientId("O", "2.999.1.1"))
    assert (told.local, told.subsumed) == (PatientId("L", "2.999.8.1"), PatientId("K", "2.999.8.1"))
    assert told.source_id == "2.999.4.1"
    assert read(f"{X1}~{L1}", X2).subsumed is None
    assert read(f"{X1}~{L1}", f"{X2}~{L1}").subsumed is None


@pytest.mark.parametrize(("sender", "expected"), [("2.999.4.1", "2.999.4.1"), ("PIX", None), ("", None)])
def test_the_sending_system(sender: str, expected: str | None) -> None:
    assert read(f"{X1}~{L1}", X2, sender).source_id == expected


@pytest.mark.parametrize(
    ("pid", "mrg", "meaning", "place"),
    [
        ("", X2, Meaning.REQUIRED_FIELD, "PID^1^3"),
        (X1, X2, Meaning.REQUIRED_FIELD, "PID^1^3"),
        (f"{X1}~{L1}~{L2}", X2, Meaning.DUPLICATE_KEY, "PID^1^3"),
        (f"{X1}~{L1}", "", Meaning.REQUIRED_FIELD, "MRG^1^1"),
        (f"{X1}~{L1}", f"{X2}~{L2}~{L2}", Meaning.DUPLICATE_KEY, "MRG^1^1"),
        (f"{X1}~{L1}", f"{X2}~K^^^&2.999.8.2&ISO", Meaning.UNKNOWN_KEY, "MRG^1^1^2^4"),
        (f"{L1}~{L1}", X2, Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        (f"{X1}~{L1}", L2, Meaning.UNKNOWN_KEY, "MRG^1^1^1^4"),
        (f"{X1}~^^^&2.999.8.1&ISO", X2, Meaning.REQUIRED_FIELD, "PID^1^3^2^1"),
        (f"{X1}~L", X2, Meaning.REQUIRED_FIELD, "PID^1^3^2^4"),
        (f"{X1}~L^^^&2.999.8.1&DNS", X2, Meaning.REQUIRED_FIELD, "PID^1^3^2^4"),
        (f"{X1}~L^^^&x&ISO", X2, Meaning.DATA_TYPE, "PID^1^3^2^4^2"),
        (f"{X1}~L^^^PASSERELLE&2.999.8.1&ISO", X2, Meaning.UNKNOWN_KEY, "PID^1^3^2^4"),
        (rf"{X1}~L\T\1^^^&2.999.8.1&ISO", X2, Meaning.DATA_TYPE, "PID^1^3^2^1"),
    ],
)
def test_what_is_refused(pid: str, mrg: str, meaning: Meaning, place: str) -> None:
    with pytest.raises(Refused) as refused:
        read(pid, mrg)
    found = refused.value.problems[0]
    assert (found.meaning, found.location) == (meaning, place)


def test_the_message_has_the_structure_it_names() -> None:
    """The library takes the one space that PID-5 has to be for nothing; with a letter all is well."""
    text = (
        "MSH|^~\\&|2.999.4.1|HOSP|REG|DOM|20261122||ADT^A43^ADT_A43|1|P|2.5\rEVN||20261122\r"
        f"PID|||{X1}~{L1}||X|\rMRG|{X2}\r"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser: Any = pytest.importorskip("hl7apy.parser")
        parsed = parser.parse_message(text)
        assert parsed.name == "ADT_A43"
        assert parsed.validate()
