"""The HTTPS listener: mutual TLS, bounded HTTP/1.1, an ASGI application behind it (uvicorn's protocol)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

from uvicorn import Config
from uvicorn.config import LIFESPAN
from uvicorn.importer import import_from_string
from uvicorn.server import ServerState

from gateway.config import Limits, Settings
from gateway.errors import Defect
from gateway.transport.gate import Gate, OnFailure, Peer
from gateway.transport.http import BoundedHttp, OnAbuse
from gateway.transport.tls import ServerTls

TICK_SECONDS = 1.0
TICKS_PER_LIMIT = 4
