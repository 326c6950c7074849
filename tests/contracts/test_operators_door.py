"""The operators' listener over sockets: bastions, directory, second factor, sessions, trail (SEED-65, 77)."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
import time
from typing import Any

import pytest

REFUSED = {"error": "login, password or code not accepted"}
NO_SESSION = {"error": "no session of an operator"}


@pytest.fixture(scope="module")
def alice(operating: Any) -> str:
    if "alice" not in operating.secrets:
        asyncio.run(operating.enrol("alice"))
    return "alice"


def login(operating: Any, **changes: Any) -> tuple[int, Any]:
    return operating.ask("POST", "/operators/login", operating.credentials("alice") | changes)


def told(operating: Any, before: int) -> str:
    (line,) = operating.trail(before, least=1)
    return line


def test_login_me_and_logout(operating: Any, alice: str) -> None:
    before, audited = len(operating.trail()), len(operating.audit())
    status, session = login(operating)
    assert status == 200
    assert session["login"] == alice
    assert session["roles"] == ["security-officer"]
    assert session["environment"] == "integration"
    status, me = operating.ask("GET", "/operators/me", token=session["token"])
    assert (status, me) == (200, {key: value for key, value in session.items() if key != "token"})
    assert operating.ask("POST", "/operators/logout", token=session["token"]) == (204, "")
    assert operating.ask("GET", "/operators/me", token=session["token"]) == (401, NO_SESSION)
    lines = operating.trail(before, least=3)
    assert [line.split(" ")[5] for line in lines] == ["login", "logout", "refused"]
    assert all('source="127.0.0.1"' in line and 'environment="integration"' in line for line in lines)
    assert len(operating.audit()) == audited, "SEED-76: an operator's act is not in the patients' trail"


@pytest.mark.usefixtures("alice")
def test_the_trail_reaches_the_syslog_receiver_in_order(operating: Any) -> None:
    """SEED-76: every line once, as it was written, and framed so that none can hide in another."""
    login(operating)
    login(operating, password="wrong\n<0>1 forged")
    wanted, deadline = operating.trail(), time.monotonic() + 10
    while len(operating.receiver.lines) < len(wanted) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert operating.receiver.lines[: len(wanted)] == wanted
    assert all(
        re.match(r"<10[89]>1 \S+Z localhost passerelle \d+ \S+ \[operator@32473 ", each) for each in wanted
    )


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "wrong"}, "password refused"),
        ({"code": "000000"}, "code refused"),
        ({"code": ""}, "code refused"),
        ({"login": "nobody"}, "no such operator"),
        ({"login": "*"}, "not a login, or revoked"),
        ({"password": ""}, "no usable password"),
    ],
)
def test_without_directory_and_second_factor_nobody_comes_in(
    operating: Any, changes: dict[str, str], reason: str
) -> None:
    """SEED-65."""
    operating.execute("DELETE FROM operator_failure")
    before, began = len(operating.trail()), time.monotonic()
    assert login(operating, **changes) == (401, REFUSED)
    assert time.monotonic() - began >= operating.settings.operators.refusal_seconds
    assert f'reason="{reason}"' in told(operating, before)
    operating.execute("DELETE FROM operator_failure")


def test_a_code_is_used_up_by_a_login_at_any_worker(operating: Any, alice: str) -> None:
    given = operating.credentials(alice)
    found = [operating.ask("POST", "/operators/login", given)[0] for _ in range(4)]
    assert found == [200, 401, 401, 401]
    operating.execute("DELETE FROM operator_failure")


@pytest.mark.usefixtures("alice")
def test_the_eleventh_attempt_in_an_hour_is_refused_whatever_it_says(operating: Any) -> None:
    """STD-40, at two workers together."""
    for _ in range(10):
        login(operating, password="wrong")
    before = len(operating.trail())
    assert login(operating) == (401, REFUSED)
    assert 'reason="too many failures in an hour"' in told(operating, before)
    operating.execute("DELETE FROM operator_failure")
    assert login(operating)[0] == 200


def test_a_session_ends_on_all_workers_within_five_seconds(operating: Any, alice: str) -> None:
    """SEED-19: by logout, and by the table of revocations."""
    by_logout, by_revocation = operating.login(alice), operating.login(alice)
    assert operating.ask("POST", "/operators/logout", token=by_logout)[0] == 204
    assert {operating.ask("GET", "/operators/me", token=by_logout)[0] for _ in range(6)} == {401}
    operating.execute(
        "INSERT INTO revocation (key, kind, name, at, actor, reason) VALUES (7, 'operator', ?, 1, 'x', 'y')",
        alice,
    )
    try:
        assert {operating.ask("GET", "/operators/me", token=by_revocation)[0] for _ in range(6)} == {401}
        assert login(operating) == (401, REFUSED)
    finally:
        operating.execute("DELETE FROM revocation WHERE key = 7")
        operating.execute("DELETE FROM operator_failure")


def test_idle_and_absolute_limits(operating: Any, alice: str) -> None:
    """SEED-16: as if time had passed."""
    idle, old = operating.login(alice), operating.login(alice)
    settings = operating.settings.operators
    operating.execute(
        "UPDATE operator_session SET used_at = used_at - ?", int(settings.idle_seconds * 1000) + 1
    )
    assert operating.ask("GET", "/operators/me", token=idle) == (401, NO_SESSION)
    operating.execute(
        "UPDATE operator_session SET used_at = used_at + ?, expires_at = expires_at - ?",
        int(settings.idle_seconds * 1000),
        int(settings.session_seconds * 1000),
    )
    assert operating.ask("GET", "/operators/me", token=old) == (401, NO_SESSION)


# --- who may knock -----------------------------------------------------------------------------------


ROUTES = [
    ("POST", "/operators/login"),
    ("POST", "/operators/logout"),
    ("GET", "/operators/me"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("name", "reason"),
    [("hospital", "node hospital is no bastion"), ("bastion-of-prod", "of another environment")],
)
def test_seed_77_a_certificate_that_is_no_bastions(
    operating: Any, alice: str, name: str, reason: str, method: str, path: str
) -> None:
    """With everything else right: login, password, code, and a session."""
    token, before, audited = operating.login(alice), len(operating.trail()), len(operating.audit())
    given = operating.credentials(alice) if path.endswith("login") else None
    status, answer = operating.ask(method, path, given, name=name, token=token)
    assert (status, answer) == (403, {"error": "only a bastion of this environment is served here"})
    assert reason in told(operating, before)
    assert len(operating.audit()) == audited


def test_no_certificate_no_connection(operating: Any) -> None:
    before, audited = len(operating.trail()), len(operating.audit())
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        operating.ask("GET", "/operators/me", name=None)
    assert "no client certificate" in told(operating, before)
    assert len(operating.audit()) == audited


def test_no_tls_no_answer(operating: Any) -> None:
    before = len(operating.trail())
    connection = http.client.HTTPConnection("127.0.0.1", operating.settings.server.admin_port, timeout=5)
    connection.request("GET", "/operators/me")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        connection.getresponse()
    connection.close()
    assert "no TLS on a TLS port" in told(operating, before)


def test_a_second_bastion_is_served_as_the_first(operating: Any, alice: str) -> None:
    token = operating.login(alice)
    assert operating.ask("GET", "/operators/me", name="bastion-2", token=token)[0] == 200


# --- requests that are none --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/operators/login", None, "application/json", 405),
        ("DELETE", "/operators/me", None, "application/json", 405),
        ("GET", "/operators", None, "application/json", 404),
        ("GET", "/operators/me/", None, "application/json", 404),
        ("GET", "/health", None, "application/json", 404),
        ("GET", "/fhir/metadata", None, "application/json", 404),
        ("POST", "/operators/login", b"login=alice", "application/x-www-form-urlencoded", 415),
        ("POST", "/operators/login", b"{", "application/json", 400),
        ("POST", "/operators/login", b"[]", "application/json", 400),
        ("POST", "/operators/login", b'{"login":"a","password":"b"}', "application/json", 400),
        (
            "POST",
            "/operators/login",
            b'{"login":"a","login":"b","password":"b","code":"c"}',
            "application/json",
            400,
        ),
        ("POST", "/operators/login", b'{"login":1,"password":"b","code":"c"}', "application/json", 400),
        ("POST", "/operators/login", b'{"login":"' + b"a" * 5_000, "application/json", 413),
    ],
)
def test_what_is_no_request(
    operating: Any, method: str, path: str, body: bytes, kind: str, status: int
) -> None:
    found, answer = operating.ask(method, path, body, headers={"content-type": kind})
    assert found == status
    assert set(answer) == {"error"}
    assert "alice" not in json.dumps(answer)
    assert operating.ask("GET", "/operators/me")[0] == 401, "the door lives"


def test_health_stays_plain_on_loopback(operating: Any) -> None:
    port = operating.settings.operators.health_port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for path, status in (
        ("/health", 200),
        ("/ready", 200),
        ("/operators/me", 404),
        ("/operators/login", 404),
    ):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
