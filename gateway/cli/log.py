"""The operators' log: one JSON line an event on standard error; never contents, never patient data."""

from __future__ import annotations

import sys
from typing import cast

import orjson
import structlog

from gateway.errors import GatewayError
from gateway.pipeline.engine import Log

REFUSED = 2
"""The exit code of a command that could not begin."""


def operator_log() -> Log:
    """A logger of its own for each caller, so that no process-wide configuration is needed."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str)),
        ],
    )
    return cast("Log", logger)


def tell_refused(error: GatewayError) -> int:
    """Says in one line, without a stack trace, what is wrong; gives the exit code."""
    where = f"{error.location}: " if error.location else ""
    print(f"passerelle: {where}{error.detail}", file=sys.stderr, flush=True)
    return REFUSED
