"""A message that was received before: not an error of its own, and never a second effect."""

from __future__ import annotations


class Repeated(Exception):
    """`answer` is the first answer, or None when the same id came with other content."""

    def __init__(self, answer: bytes | None) -> None:
        super().__init__("a message id came again")
        self.answer = answer
