"""The loopback port of health, readiness and metrics; nothing of any patient."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.compose import Gateway
from gateway.cli.guarding import Guard
from gateway.cli.metrics import exposition
from gateway.errors import Busy
from gateway.stores.database import scalar


def operations_app(gateway: Gateway, guard: Guard) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An ASGI application for /health, /ready and /metrics."""

    async def ready() -> tuple[int, bytes]:
        try:
            await scalar(gateway.database, "SELECT 1")
        except (Busy, SQLAlchemyError):
            return 503, orjson.dumps({"ready": False, "reason": "the database does not answer"})
        if not gateway.time.right:
            return 503, orjson.dumps({"ready": False, "reason": "the clock is wrong"})
        if gateway.engine.room.refusing:
            reason = "the audit trail has no room; requests are turned away"
            return 503, orjson.dumps({"ready": False, "reason": reason})
        told = {"ready": True, "environment": gateway.settings.environment}
        warnings = sorted(guard.warnings.values())
        return 200, orjson.dumps({**told, "warnings": warnings} if warnings else told)

    async def app(scope: Mapping[str, Any], _receive: object, send: Callable[[Any], Awaitable[None]]) -> None:
        status, body, kind = 404, b"{}", b"application/json"
        if scope["path"] == "/health":
            status, body = 200, orjson.dumps({"alive": True})
        elif scope["path"] == "/ready":
            status, body = await ready()
        elif scope["path"] == "/metrics":
            status, body, kind = 200, exposition(), b"text/plain; version=0.0.4"
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
