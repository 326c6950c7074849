"""LOG-01 to LOG-05: broken framing, sizes that lie, names of others, and doors that must be shut."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import psutil
import pytest

from gateway.cli.started import prepare, serving
from gateway.stores.events import OTHER_SENDER
from tests.logging_nodes import LogSite, audit_xml, ends, octets, syslog, until

ABUSE, NODE = "protocol-abuse", "110126"
LARGEST = 65_536


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LogSite, int]]:
    config = prepare(tmp_path_factory.mktemp("attacks") / "home", watched=False)
    with serving(config) as process:
        yield LogSite(config), process.pid


@pytest.fixture
def site(running: tuple[LogSite, int]) -> LogSite:
    return running[0]


def refused(site: LogSite, data: bytes) -> None:
    """The session is closed, told as abuse once, and nothing of what is sent is kept."""
    kept, alerts = site.kept(), len(site.alerts())
    with site.connect() as line:
        line.sendall(data)
        assert ends(line)
    assert until(lambda: site.alerts()[alerts:], [ABUSE]) == [ABUSE]
    assert site.kept() == kept


def lives(site: LogSite) -> None:
    """A good message of the same node is kept."""
    before = site.kept()[0]
    site.send(syslog(audit_xml()))
    assert until(lambda: site.kept()[0], before + 1) == before + 1


@pytest.mark.parametrize("data", [syslog(audit_xml()) + b"\n", b"\n", b"{}\n"])
def test_log_01_no_length(site: LogSite, data: bytes) -> None:
    refused(site, data)
    lives(site)


@pytest.mark.parametrize("length", [b"0", b"00", b"012", b"-5", b"9999999999", b"1e3", b"0x10", b"5", b"x"])
def test_log_02_a_length_that_is_none(running: tuple[LogSite, int], length: bytes) -> None:
    site, server = running
    memory = psutil.Process(server).memory_info().rss
    refused(site, length + (b" <13>a" if length != b"5" else b"\t<13>a"))
    assert psutil.Process(server).memory_info().rss - memory < 64 * 1024 * 1024


def test_log_02_what_came_before_is_kept(site: LogSite) -> None:
    before, alerts = site.kept()[0], len(site.alerts())
    with site.connect() as line:
        line.sendall(octets(syslog(audit_xml("BEFORE^^^&2.999.3.1&ISO"))) + b"007 <13>a")
        assert ends(line)
    assert until(lambda: site.kept()[0], before + 1) == before + 1
    assert until(lambda: site.alerts()[alerts:], [ABUSE]) == [ABUSE]


def test_log_03_a_message_above_the_limit(site: LogSite) -> None:
    text = b"x" * (LARGEST + 1)
    refused(site, octets(text))
    refused(site, b"%d <13>begun" % len(text))
    lives(site)


def test_log_03_the_largest_is_taken_whole(site: LogSite) -> None:
    head = syslog(b"").replace(b"IHE+RFC-3881", b"-")
    text = b"x" * (LARGEST - len(head))
    site.send(head + text)
    assert until(lambda: [each for _, each in site.systems() if each.raw == text])


@pytest.mark.parametrize(
    "message",
    [
        syslog(audit_xml("LOG4^^^&2.999.3.1&ISO"), host="hospital"),
        syslog(audit_xml("LOG4^^^&2.999.3.1&ISO", source="hospital")),
    ],
)
def test_log_04_the_name_of_another_node(site: LogSite, message: bytes) -> None:
    before, alerts = len(site.search("patient|LOG4^^^&2.999.3.1&ISO")), len(site.alerts())
    site.send(message, message.replace(b" IHE+", b"2 IHE+"), syslog(audit_xml()))
    found = until(lambda: site.search("patient|LOG4^^^&2.999.3.1&ISO")[: -before or None])
    assert len(found) == 2
    for each in found:
        assert each.found.flags == OTHER_SENDER
        assert each.received is not None
        assert each.received.sender == "audit-source"
        assert "hospital" in {dict(each.received.header)["hostname"], each.record.source_id}
    assert until(lambda: site.alerts()[alerts:], [NODE]) == [NODE], "once for a session"


def test_log_05_no_datagrams_unless_wanted(site: LogSite) -> None:
    port, kept, alerts = site.settings.repository.syslog_port, site.kept(), site.alerts()
    assert site.settings.repository.udp_port is None
    for each in (port, 514):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", each))
            sock.send(syslog(audit_xml()))
            sock.settimeout(1.0)
            with pytest.raises((ConnectionRefusedError, TimeoutError)):
                sock.recv(1)
    assert (site.kept(), site.alerts()) == (kept, alerts)


# --- who may send at all --------------------------------------------------------------------------


def test_only_nodes_that_are_enrolled_for_it(site: LogSite) -> None:
    kept, alerts = site.kept(), len(site.alerts())
    with site.connect("pharmacy") as line:
        assert ends(line)
    assert until(lambda: site.alerts()[alerts:], [NODE]) == [NODE]
    assert site.kept() == kept


def test_nobody_without_a_certificate(site: LogSite) -> None:
    alerts = len(site.alerts())
    context = ssl.create_default_context(cafile=str(site.config.parent / "pki/trust.pem"))
    port = site.settings.repository.syslog_port
    with (
        socket.create_connection(("127.0.0.1", port)) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as line,
    ):
        assert ends(line)
    assert until(lambda: site.alerts()[alerts:], [NODE]) == [NODE]


def test_no_plain_text(site: LogSite) -> None:
    alerts = len(site.alerts())
    with socket.create_connection(("127.0.0.1", site.settings.repository.syslog_port), timeout=5) as sock:
        sock.sendall(octets(syslog(audit_xml())))
        while sock.recv(100):
            pass
    assert until(lambda: site.alerts()[alerts:])[0] in {ABUSE, NODE}
