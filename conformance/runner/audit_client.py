"""Sends audit messages in DICOM's form by syslog over TLS (RFC 5424, 5425), and looks for them (ITI-82)."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from answer import NO_ANSWER, Answer

MESSAGE = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?AuditMessage[\s/>]")
AT = re.compile(r"(EventDateTime\s*=\s*)(\"[^\"]*\"|'[^']*')")
SYSTEM = re.compile(r"<EventID\b[^>]*\bcode=[\"']110100[\"']")
HEAD = "<85>1 {at} runner.example conformance 1 IHE+RFC-3881 - "
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogClient:
    """`timeout` is how long a message may take until it is found, in seconds."""

    host: str
    port: int
    context: ssl.SSLContext
    timeout: float

    def send(self, http: httpx.Client, base: str, message: str) -> Answer:
        """`HTTP 201` once the message is found again; `no answer` where it is not.

        What is about systems only may be kept for operators, apart from the use of the record: `HTTP 200`
        where it was handed over.
        """
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        text = AT.sub(lambda found: f'{found[1]}"{moment}"', message, count=1)
        try:
            self._hand_over(f"{HEAD.format(at=moment)}{text}".encode())
            if SYSTEM.search(text):
                return Answer(status="HTTP 200", http_status=200, text="taken; only operators may see it")
            return self._found(http, base, moment)
        except (OSError, httpx.HTTPError) as error:
            return Answer(status=NO_ANSWER, detail=f"{type(error).__name__}: {error}")

    def _hand_over(self, message: bytes) -> None:
        with (
            socket.create_connection((self.host, self.port), self.timeout) as plain,
            self.context.wrap_socket(plain, server_hostname=self.host) as line,
        ):
            line.sendall(b"%d %s" % (len(message), message))
            line.unwrap()

    def _found(self, http: httpx.Client, base: str, moment: str) -> Answer:
        since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
        url = f"{base.rstrip('/')}/syslogsearch?date=ge{quote(since)}&msg={quote(moment)}"
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            response = http.get(url, headers={"Accept": "application/json"})
            if response.is_success and moment in response.text:
                return Answer(status="HTTP 201", http_status=201, text=response.text)
            time.sleep(LOOK_SECONDS)
        return Answer(status=NO_ANSWER, detail="the message was taken, and is not found again")


def is_message(text: str) -> bool:
    """Whether it is an audit message of DICOM, and not a resource of FHIR."""
    return MESSAGE.search(text[:2048]) is not None
