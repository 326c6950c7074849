"""Code lists of the affinity domain, as an operator writes them in affinity/*.toml (ITI TF-3 4.2.3.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from gateway.config.reading import checked, line_of, parse, read_text
from gateway.config.values import CLOSED
from gateway.errors import SettingsInvalid

Attribute = Literal[
    "classCode",
    "typeCode",
    "formatCode",
    "healthcareFacilityTypeCode",
    "practiceSettingCode",
    "confidentialityCode",
    "eventCodeList",
    "contentTypeCode",
    "codeList",
    "languageCode",
    "mimeType",
]
_PLAIN = frozenset({"languageCode", "mimeType"})
Value = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=256)]
Codes = dict[Value, dict[Value, Annotated[str, StringConstraints(max_length=1024)]]]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class ListFile:
    """The table of one attribute: `codes` by scheme, or plain `values` (languageCode, mimeType)."""

    limit: Literal["refuse", "warn", "off"] = "off"
    codes: Codes = Field(default_factory=dict)
    values: frozenset[Value] = frozenset()

    @property
    def allowed(self) -> frozenset[str]:
        """Every listed value, a code as code^^scheme."""
        return self.values | {f"{code}^^{scheme}" for scheme, codes in self.codes.items() for code in codes}


_Lists = dict[Attribute, ListFile]


def load_affinity(directory: Path) -> Mapping[str, ListFile]:
    """The lists of all files of a folder, by attribute; SettingsInvalid names file, line and reason."""
    found: dict[str, ListFile] = {}
    for path in sorted(directory.glob("*.toml")):
        text = read_text(path)
        data: dict[str, Any] = parse(text, path)
        for attribute, table in checked(_Lists, data, text, path).items():
            if reason := _wrong(attribute, table, found):
                place = f"{path}:{line_of(text, (attribute,))}"
                raise SettingsInvalid(f"{attribute}: {reason}", location=place)
            found[attribute] = table
    return found


def _wrong(attribute: str, table: ListFile, found: Mapping[str, ListFile]) -> str | None:
    if attribute in found:
        return "is listed in another file of this folder already"
    if attribute in _PLAIN and table.codes:
        return "takes values = [...], not codes"
    if attribute not in _PLAIN and table.values:
        return "takes codes by scheme, not values"
    if table.limit != "off" and not table.allowed:
        return f'limit = "{table.limit}" with an empty list'
    return None
