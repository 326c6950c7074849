"""One small POST to somebody outside: bounded in time and size, no redirects, no proxies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

from gateway.errors import Busy, TooLarge

LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back."""

    status: int
    content_type: str
    body: bytes


async def post(address: str, body: bytes, content_type: str, seconds: float) -> Posted:
    """The answer to a POST; Busy when none came within the time, TooLarge when it is too long."""
    try:
        async with asyncio.timeout(seconds), httpx.AsyncClient(timeout=seconds, trust_env=False) as http:
            headers = {"content-type": content_type}
            async with http.stream("POST", address, content=body, headers=headers) as answer:
                return Posted(
                    answer.status_code, answer.headers.get("content-type", ""), await _whole(answer)
                )
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
        raise Busy(f"no answer came ({type(error).__name__})") from error


async def _whole(answer: httpx.Response) -> bytes:
    read = bytearray()
    async for chunk in answer.aiter_bytes():
        read += chunk
        if len(read) > LARGEST:
            raise TooLarge(f"the answer has more than {LARGEST} bytes")
    return bytes(read)
