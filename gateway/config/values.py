"""Checked kinds of setting: paths, OIDs, counts and seconds, as read from TOML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo

CLOSED = ConfigDict(extra="forbid", validate_default=True)
"""Of every class of settings: a key that is not known is a mistake."""

Environment = Literal["integration", "preprod", "prod"]


def _below_folder(value: Any, info: ValidationInfo) -> Any:
    """A relative path belongs to the folder of the file it was written in."""
    if not isinstance(value, str | Path):
        return value
    folder = cast("dict[str, Path]", info.context or {}).get("folder", Path())
    return folder / value


def _database_below_folder(value: Any, info: ValidationInfo) -> Any:
    prefix = "sqlite:///"
    if not isinstance(value, str) or not value.startswith(prefix):
        return value
    return prefix + str(_below_folder(value.removeprefix(prefix), info))


_HOST = r"([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])"
_CALLBACK = re.compile(rf"https://{_HOST}(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?")
_SYSLOG = re.compile(rf"(tls|udp)://{_HOST}:[0-9]{{1,5}}")
_MLLP = re.compile(rf"mllps://{_HOST}:[0-9]{{1,5}}")


def _callback(value: str) -> str:
    """An address that we may be asked to send to: nothing in it has two readings."""
    if _CALLBACK.fullmatch(value) is None or "/." in value:
        raise ValueError("expected https://host:port/path without user, query, fragment and encoded text")
    return _with_port(value)


def _notice(value: str) -> str:
    """An address that notifications go to, by HTTPS or by MLLP over TLS."""
    if not value.startswith("mllps:"):
        return _callback(value)
    if _MLLP.fullmatch(value) is None:
        raise ValueError("expected mllps://host:port and nothing behind it")
    return _with_port(value)


def _repository(value: str) -> str:
    """An audit record repository: FHIR, syslog over TLS, or over UDP where the net is safe in itself."""
    if value.startswith("https:"):
        return _callback(value)
    if _SYSLOG.fullmatch(value) is None:
        raise ValueError(
            "expected tls://host:port or udp://host:port and nothing behind it, or https://host:port/path"
        )
    return _with_port(value)


def _with_port(value: str) -> str:
    if urlsplit(value).port == 0:
        raise ValueError("expected a port from 1 to 65535")
    return value


FilePath = Annotated[Path, BeforeValidator(_below_folder)]
DatabaseUrl = Annotated[
    str,
    BeforeValidator(_database_below_folder),
    StringConstraints(pattern=r"^(sqlite:///.|postgresql(\+asyncpg)?://.)"),
]
Oid = Annotated[
    str, StringConstraints(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", max_length=64)
]  # ITU-T X.660; 64 characters: ISO 21090
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
CallbackAddress = Annotated[str, StringConstraints(max_length=512), AfterValidator(_callback)]
NoticeAddress = Annotated[str, StringConstraints(max_length=512), AfterValidator(_notice)]
RepositoryAddress = Annotated[str, StringConstraints(max_length=512), AfterValidator(_repository)]
WebAddress = Annotated[
    str, StringConstraints(max_length=512, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$")
]
WitnessKey = Annotated[
    str, StringConstraints(max_length=512, pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$")
]  # C2SP signed-note: name, key id, type 4 and an Ed25519 key
TimeServer = Annotated[
    str, StringConstraints(max_length=255, pattern=r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$")
]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Flag = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(ge=0, le=65535, strict=True)]
Count = Annotated[int, Field(gt=0, strict=True)]
Days = Annotated[int, Field(ge=0, strict=True)]
Percent = Annotated[int, Field(gt=0, le=100, strict=True)]
Seconds = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
