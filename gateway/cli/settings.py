"""Settings for the commands: read, and checked before anything is started with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast, get_args

from gateway.config import Environment, Settings, check, load
from gateway.errors import SettingsInvalid


def load_settings(path: Path) -> Settings:
    """The settings of a configuration file."""
    return load(path)


def checked_settings(path: Path) -> Settings:
    """Settings a server may start with; SettingsInvalid with every reason why not. Warnings are printed."""
    settings = load(path)
    findings = check(settings)
    for finding in findings:
        print(finding, file=sys.stderr)
    if any(finding.level == "error" for finding in findings):
        raise SettingsInvalid("the configuration cannot be used", location=str(path))
    return settings


def environment_of(text: str) -> Environment:
    """One of the three environments."""
    if text not in get_args(Environment):
        raise SettingsInvalid(f"environment {text!r} is not one of {', '.join(get_args(Environment))}")
    return cast("Environment", text)
