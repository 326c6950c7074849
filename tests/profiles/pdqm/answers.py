"""What an answer to a search for persons tells."""

from __future__ import annotations

from typing import Any


def systems(answer: Any) -> list[list[str]]:
    return [[each["system"] for each in found["identifier"]] for found in answer.resources]
