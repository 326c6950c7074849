"""A real rsyslog sends to the repository; who is too fast is slowed down; operators read the logs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.started import prepare, serving
from gateway.stores.events import OTHER_SENDER
from tests.logging_nodes import LogSite, audit_xml, octets, syslog, until

RSYSLOG = next(
    (path for path in ("/usr/sbin/rsyslogd", shutil.which("rsyslogd") or "") if Path(path).exists()), ""
)
DRIVERS = list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"))
MANY, PADDING = 6_000, b"<!--" + b"x" * 4_000 + b"-->"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LogSite, int]]:
    config = prepare(tmp_path_factory.mktemp("senders") / "home", watched=False)
    with serving(config) as process:
        yield LogSite(config), process.pid


@pytest.fixture
def site(running: tuple[LogSite, int]) -> LogSite:
    return running[0]


@contextmanager
def rsyslog(site: LogSite, folder: Path) -> Iterator[Path]:
    """A real rsyslog that sends each line of a file; gives the file."""
    lines, pki = folder / "lines.log", site.config.parent / "pki"
    lines.touch()
    (folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{pki}/trust.pem"
  defaultNetstreamDriverCertFile="{pki}/clients/audit-source.pem"
  defaultNetstreamDriverKeyFile="{pki}/clients/audit-source.key")
module(load="imfile" mode="inotify")
template(name="audit" type="string" string="<85>1 %TIMESTAMP:::date-rfc3339% audit-source emr - IHE+RFC-3881 - %msg%")
input(type="imfile" file="{lines}" tag="emr" addMetadata="off" ruleset="out")
ruleset(name="out") {{
  action(type="omfwd" target="localhost" port="{site.settings.repository.syslog_port}" protocol="tcp"
    TCP_Framing="octet-counted" streamDriver="gtls" streamDriverMode="1" streamDriverAuthMode="x509/name"
    streamDriverPermittedPeers="localhost" template="audit")
  action(type="omfwd" target="localhost" port="{site.settings.repository.syslog_port}" protocol="tcp"
    TCP_Framing="octet-counted" streamDriver="gtls" streamDriverMode="1" streamDriverAuthMode="x509/name"
    streamDriverPermittedPeers="localhost" template="RSYSLOG_SyslogProtocol23Format")
}}
""")  # noqa: E501 - the template is one line
    command = [RSYSLOG, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslogd.pid")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.skipif(not (RSYSLOG and DRIVERS), reason="rsyslogd with its gtls driver is not installed here")
def test_rsyslog_sends_audit_messages_and_logs(site: LogSite, tmp_path: Path) -> None:
    before = site.kept()
    texts = [audit_xml(f"RS{number}^^^&2.999.3.1&ISO").replace(b"\n", b" ") for number in range(5)]
    with rsyslog(site, tmp_path) as lines:
        with lines.open("ab") as file:
            file.write(b"\n".join(texts) + b"\njust a line\n")
        # each line goes once as an audit message and once as rsyslog writes it, where the last is a log
        wanted = (before[0] + 11, before[1] + 1)
        assert until(site.kept, wanted) == wanted
    for number, text in enumerate(texts):
        found = site.search(f"patient|RS{number}^^^&2.999.3.1&ISO")
        assert {each.received.raw.strip() for each in found if each.received} == {text}
    (event, message) = next(each for each in site.systems() if each[0].app == "emr")
    assert message.raw.strip() == b"just a line"
    assert event.sender == "audit-source"


def test_a_sender_waits_while_nothing_can_be_kept(running: tuple[LogSite, int]) -> None:
    site, server = running
    before, memory = site.kept(), psutil.Process(server).memory_info().rss
    messages = (syslog(audit_xml(), number=number) + PADDING for number in range(MANY))
    data = octets(*messages)

    def send(line: ssl.SSLSocket) -> None:
        line.settimeout(None)
        line.sendall(data)
        line.close()

    turn = Path(site.settings.database.url.removeprefix("sqlite:///") + ".turn")
    with turn.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sending = threading.Thread(target=send, args=(site.connect(),), daemon=True)
        sending.start()
        sending.join(3.0)
        assert sending.is_alive(), "it cannot get rid of all"
        assert site.kept() == before
        assert psutil.Process(server).memory_info().rss - memory < 150 * 1024 * 1024
    assert until(lambda: site.kept()[0], before[0] + MANY) == before[0] + MANY
    sending.join(5.0)
    assert not sending.is_alive()


def passerelle(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_operators_read_what_systems_said_and_that_is_noted(site: LogSite) -> None:
    before = site.kept()
    site.send(
        b"<35>1 - gate.example sshd 7 - - refused \x1b[2J \xff",
        b"<38>1 - gate.example sshd 8 - - welcome",
        b"<35>1 - other.example cron 9 - - failed",
    )
    assert until(site.kept, (before[0], before[1] + 3)) == (before[0], before[1] + 3)
    config = ("--config", str(site.config))
    shown = passerelle("traces", "--host", "GATE.example", "--app", "sshd", "--severity", "warning", *config)
    assert shown.exit_code == 0, shown.output
    assert len(shown.stdout.splitlines()) == 1
    assert shown.stdout.strip().endswith("err     audit-source gate.example sshd: refused \\x1b[2J \\xff")
    told = passerelle("traces", "--json", "--node", "audit-source", "--limit", "3", *config)
    assert {json.loads(line)["header"]["procid"] for line in told.stdout.splitlines()} == {"7", "8", "9"}
    trail = passerelle("operator", "trail", *config).stdout
    assert "host=GATE.example" in trail
    assert passerelle("traces", "--severity", "loud", *config).exit_code != 0


def test_what_systems_say_is_no_part_of_the_trail(site: LogSite) -> None:
    said = {each.raw for _, each in site.systems()}
    assert said
    assert not said & {each.received.raw for each in site.search() if each.received}


def test_the_index_of_what_others_sent_is_made_again_beside_the_server(site: LogSite) -> None:
    before = site.kept()[0]
    site.send(syslog(audit_xml("LOST")), syslog(audit_xml("LOST"), host="tester"))
    assert until(lambda: site.kept()[0], before + 2) == before + 2
    whole = site.search("patient|LOST")
    assert sorted(each.found.flags for each in whole) == [0, OTHER_SENDER]
    site.rows("DELETE FROM event_term")
    site.rows("DELETE FROM event WHERE trail = 1")
    for _ in range(2):
        told = passerelle("audit", "reindex", "--received", "--config", str(site.config))
        assert told.exit_code == 0, told.output
        assert f"{before + 2} messages of other systems gone through" in told.stdout
        assert site.kept()[0] == before + 2
        assert site.search("patient|LOST") == whole


def test_nothing_more_is_read_where_the_trail_has_no_room(tmp_path: Path) -> None:
    config = prepare(
        tmp_path / "home", {"audit.space_bytes": "12_000_000", "server.drain_seconds": "0.5"}, watched=False
    )
    site = LogSite(config)
    messages = [syslog(audit_xml(), number=number) + secrets.token_bytes(10_000) for number in range(MANY)]
    with serving(config):
        sending = threading.Thread(target=pushed, args=(site.connect(), octets(*messages)), daemon=True)
        sending.start()
        log = config.parent / "server.log"
        assert until(lambda: b"syslog messages cannot be kept" in log.read_bytes())
        kept = site.kept()[0]
        assert 0 < kept < MANY
        sending.join(2.0)
        assert sending.is_alive(), "it cannot get rid of all"
        assert site.kept()[0] - kept < 1_024, "nothing but what was being written"
    sending.join(5.0)
    assert b"syslog messages not kept" in log.read_bytes()


def pushed(line: ssl.SSLSocket, data: bytes) -> None:
    with line, contextlib.suppress(OSError):
        line.settimeout(None)
        line.sendall(data)
