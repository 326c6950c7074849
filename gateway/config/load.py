"""Reads passerelle.toml."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from gateway.config.reading import checked, line_of, parse, read_text
from gateway.config.settings import Settings
from gateway.errors import SettingsInvalid


def load(path: Path) -> Settings:
    """The settings of a passerelle.toml; SettingsInvalid names file, line and reason."""
    path = path.absolute()
    text = read_text(path)
    data = parse(text, path)
    if "folder" in data:
        raise SettingsInvalid("folder: unknown setting", location=f"{path}:{line_of(text, ('folder',))}")
    # A section that is not written still has paths below the folder of the file.
    sections: dict[str, dict[str, object]] = {
        field.name: {} for field in fields(Settings) if field.name != "environment"
    }
    return checked(Settings, {**sections, "folder": path.parent, **data}, text, path)
