"""HL7 data types of metadata attributes: CX, CXi, XCN, XON, XTN, coded strings (ITI TF-3 Table 4.2.3.1.7-2).

They may name persons: each function says what is wrong with the form, never the value itself; None is right.
"""

from __future__ import annotations

from itertools import chain

from profiles.xds.rules.forms import oid

_VALUE_LIMIT = 256
_CX_COMPONENTS = 4
_CXI_COMPONENTS = (5, 6)
_HD_PARTS = 3
_SEPARATORS = frozenset("FSRTE")
_NUMERIC = frozenset("XCM")
"""Escapes of octets and character sets; the standard speaks of neither, so they are read."""
_BARE_REFERENCES = frozenset(
    {"urn:ihe:iti:xdw:2013:workflowInstanceId", "urn:ihe:iti:xds:2016:studyInstanceUID"}
)
"""Types of referenceIdList whose value needs no assigning authority (4.2.3.2.28)."""
_EQUIPMENT = frozenset({"Internet", "X.400", "PH", "FX", "MD", "CP", "SAT", "TDD", "TTY", "BP"})
"""XTN.3 (HL7 table 0202)."""


def _components(value: str, least: int) -> list[str]:
    """The components, empty ones added up to `least`."""
    found = value.split("^")
    return found + [""] * (least - len(found))


def _common(value: str) -> str | None:
    """What holds for every value of a slot: length, and escapes (4.2.3.1.7)."""
    if len(value) > _VALUE_LIMIT:
        return f"has {len(value)} characters, expected at most {_VALUE_LIMIT}"
    pieces = value.split("\\")
    escapes = pieces[1::2]
    whole = len(pieces) % 2 == 1
    if whole and all(each in _SEPARATORS or each[:1] in _NUMERIC for each in escapes):
        return None
    return "has a backslash that is no escape; expected one of \\F\\ \\S\\ \\R\\ \\T\\ \\E\\"


def _authority(value: str, *, named: bool = False) -> bool:
    """An assigning authority &OID&ISO; with `named` a namespace may stand in front."""
    parts = value.split("&")
    return (
        len(parts) == _HD_PARTS
        and (named or not parts[0])
        and oid(parts[1]) is None
        and parts[2] == "ISO"
    )  # fmt: skip


def cx(value: str) -> str | None:
    """An identifier with its assigning authority, id^^^&OID&ISO."""
    if wrong := _common(value):
        return wrong
    parts = value.split("^")
    if len(parts) != _CX_COMPONENTS:
        return f"has {len(parts)} components, expected 4 of the form id^^^&OID&ISO"
    if not parts[0] or "&" in parts[0]:
        return "has no plain identifier in component 1, expected id^^^&OID&ISO"
    if parts[1] or parts[2]:
        return "has a value in component 2 or 3, which stay empty in id^^^&OID&ISO"
    return None if _authority(parts[3]) else "has no authority &OID&ISO in component 4"


def cxi(value: str) -> str | None:
    """A reference with its type, id^^^authority^type; CXi.6 may name the home community."""
    if wrong := _common(value):
        return wrong
    parts = value.split("^")
    if len(parts) not in _CXI_COMPONENTS:
        return f"has {len(parts)} components, expected 5 of the form id^^^authority^type"
    if not parts[0] or not parts[4]:
        return "lacks component 1 (id) or 5 (type) of id^^^authority^type"
    if parts[1] or parts[2]:
        return "has a value in component 2 or 3, which stay empty in id^^^authority^type"
    if parts[4] in _BARE_REFERENCES and parts[3]:
        return f"of type {parts[4]} has an authority, which this type does not have"
    if "&" in parts[3] and not _authority(parts[3], named=True):
        return "has an authority in component 4 that is neither a namespace nor &OID&ISO"
    return None


def coded(value: str) -> str | None:
    """A role or specialty: a text, or code^^^&OID&ISO."""
    if wrong := _common(value):
        return wrong
    return cx(value) if "^" in value else None if value else "is empty"


def xcn(value: str) -> str | None:
    """A person: id^family^given^further^suffix^prefix^^^&OID&ISO."""
    if wrong := _common(value):
        return wrong
    parts = _components(value, 9)
    if not parts[0] and not parts[1]:
        return "names nobody: expected an id in component 1 or a family name in component 2"
    if parts[8] and not parts[0]:
        return "has an authority in component 9, but no id in component 1"
    if parts[8] and not _authority(parts[8], named=True):
        return "has an authority in component 9 that is not &OID&ISO"
    return None


def xon(value: str) -> str | None:
    """An organisation: name^^^^^&OID&ISO^^^^id, or name^^^^^^^^^OID."""
    if wrong := _common(value):
        return wrong
    parts = _components(value, 10)
    if not parts[0]:
        return "has no name of the organisation in component 1"
    if any(chain(parts[1:5], parts[6:9], parts[10:])):
        return "has other components than 1 (name), 6 (authority) and 10 (identifier)"
    if parts[5] and not _authority(parts[5], named=True):
        return "has an authority in component 6 that is not &OID&ISO"
    if parts[9] and not parts[5] and oid(parts[9]):
        return "has an identifier in component 10 that is no OID, and no authority in component 6"
    return None


def xtn(value: str) -> str | None:
    """A telecommunication address: ^^Internet^mail, or ^PRS^PH^^country^area^number^extension."""
    if wrong := _common(value):
        return wrong
    parts = _components(value, 12)
    if parts[2] not in _EQUIPMENT:
        return "has no kind of equipment (HL7 table 0202) in component 3"
    if parts[2] == "Internet":
        if not parts[3]:
            return "is of kind Internet and has no address in component 4"
        return None if parts[1] in {"", "NET"} else "is of kind Internet, component 2 is not empty or NET"
    if parts[2] != "X.400" and not (parts[6] or parts[11] or parts[0]):
        return "has no number in component 7 or 12"
    return None


def recipient(value: str) -> str | None:
    """An intendedRecipient: organisation|person|telecommunication, at least one of them (4.2.3.3.7)."""
    if len(value) > _VALUE_LIMIT:
        return f"has {len(value)} characters, expected at most {_VALUE_LIMIT}"
    parts = value.split("|")
    kinds = (("organisation", xon), ("person", xcn), ("telecommunication", xtn))
    if len(parts) > len(kinds):
        return f"has {len(parts)} parts, expected organisation|person|telecommunication"
    if not any(part.strip("^") for part in parts):
        return "names neither organisation nor person nor telecommunication"
    for (name, fault), part in zip(kinds, parts, strict=False):
        if part.strip("^") and (wrong := fault(part)):
            return f"has a {name} that {wrong}"
    return None


def field(value: str) -> str | None:
    """Length and escapes of a value of sourcePatientInfo."""
    return _common(value)
