"""Other systems send their audit messages over real sockets, and everything they send can be found again."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.started import free_ports, prepare, serving
from gateway.stores.events import INVALID, OTHER_SENDER
from tests.logging_nodes import LogSite, audit_xml, ends, octets, several, syslog, until

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus/atna"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogSite]:
    (udp,) = free_ports(1)
    changes = {"repository.udp_port": str(udp), "limits.syslog_frame_bytes": "20_000"}
    config = prepare(tmp_path_factory.mktemp("reception") / "home", changes, watched=False)
    with serving(config, workers=2):
        yield LogSite(config)


def test_many_messages_of_several_sessions_are_all_kept(site: LogSite) -> None:
    before = site.kept()
    messages = list(several(300))
    lines = [site.connect() for _ in range(3)]
    for number, line in enumerate(lines):
        line.sendall(octets(*messages[number::3]))
    assert until(site.kept, (before[0] + 300, before[1])) == (before[0] + 300, before[1])
    for line in lines:
        line.close()
    (found,) = site.search("patient|P17^^^&2.999.3.1&ISO")
    assert found.received is not None
    assert (found.received.sender, found.received.form, found.found.flags) == ("audit-source", "dicom", 0)
    assert dict(found.received.header)["procid"] == "17"


def test_what_is_sent_again_is_kept_once(site: LogSite) -> None:
    message = syslog(audit_xml("AGAIN^^^&2.999.3.1&ISO"))
    again = message.replace(b"IHE+RFC-3881 - ", b'IHE+RFC-3881 [resent@32473 position="7"] ')
    before = site.kept()
    for each in ([message, message], [again], [message]):
        site.send(*each)
    site.send(syslog(audit_xml("LAST^^^&2.999.3.1&ISO")))
    assert until(site.kept, (before[0] + 2, before[1])) == (before[0] + 2, before[1])
    assert len(site.search("patient|AGAIN^^^&2.999.3.1&ISO")) == 1
    site.send(message, node="tester")
    assert until(site.kept, (before[0] + 3, before[1])) == (before[0] + 3, before[1])


def test_no_octet_is_changed(site: LogSite) -> None:
    texts = [b"\xff\xfe8 bit \x00\n", b"\xef\xbb\xbfwith a mark", b" leading and trailing "]
    before = len(site.systems())
    site.send(*[syslog(each).replace(b"IHE+RFC-3881", b"OTHER") for each in texts])
    until(lambda: len(site.systems()), before + 3)
    assert {each.raw for _, each in site.systems()} >= set(texts)


def test_what_cannot_be_read_is_kept_and_marked(site: LogSite) -> None:
    texts = [b"<AuditMessage>cut", b"not even XML", b"<!DOCTYPE a><AuditMessage/>"]
    before = site.kept()
    site.send(*[syslog(each) for each in texts])
    assert until(site.kept, (before[0] + 3, before[1])) == (before[0] + 3, before[1])
    found = [each for each in site.search() if each.found.type == ""]
    assert {each.received.raw for each in found if each.received} == set(texts)
    assert all(each.found.flags & INVALID and each.received and each.received.fault for each in found)


def test_logs_of_systems_go_to_their_own_store(site: LogSite) -> None:
    before = site.kept()
    older = b"<34>Oct 11 22:14:15 mymachine su[42]: failed"
    site.send(older, b"no header at all", syslog(audit_xml(event="110100"), app="starts"))
    assert until(site.kept, (before[0], before[1] + 3)) == (before[0], before[1] + 3)
    found = {each.app: (each, message) for each, message in site.systems()}
    event, message = found["su"]
    assert (event.host, event.facility, event.severity, message.raw) == ("mymachine", 4, 2, older)
    assert found["starts"][1].form == "dicom"
    assert event.flags == OTHER_SENDER


def test_datagrams_are_taken_where_that_is_on(site: LogSite) -> None:
    before = site.kept()
    port = site.settings.repository.udp_port or 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(syslog(audit_xml("UDP^^^&2.999.3.1&ISO")), ("127.0.0.1", port))
        sock.sendto(syslog(b"x" * 20_001), ("127.0.0.1", port))
    assert until(site.kept, (before[0] + 1, before[1])) == (before[0] + 1, before[1])
    (found,) = site.search("patient|UDP^^^&2.999.3.1&ISO")
    assert found.received is not None
    assert (found.received.sender, found.received.address) == (None, "127.0.0.1")
    assert b"taken over UDP" in (site.config.parent / "server.log").read_bytes()


def test_a_node_that_is_blocked_loses_the_session_it_has(site: LogSite) -> None:
    file = site.settings.nodes.directory / "laboratory.toml"
    text = file.read_text()
    file.write_text(text.replace("transactions = [", 'transactions = ["ITI-20", '))
    line = until(lambda: session(site))
    alerts = site.alerts().count("110126")
    file.write_text(text)
    assert line is not None
    with line:
        assert ends(line)
    assert until(lambda: site.alerts().count("110126"), alerts + 1) == alerts + 1


def session(site: LogSite) -> ssl.SSLSocket | None:
    """A session of the laboratory, once it is let in."""
    line = site.connect("laboratory")
    line.settimeout(1.5)
    try:
        line.recv(1)
    except TimeoutError:
        line.settimeout(20.0)
        return line
    line.close()
    return None


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus in {CORPUS}")
def test_messages_of_other_implementations_are_kept_and_found(site: LogSite) -> None:
    files = sorted([*CORPUS.glob("ipf/*.xml"), *CORPUS.glob("epd-by-example/*.xml")])
    assert len(files) == 15
    before = site.kept()
    site.send(*[syslog(each.read_bytes(), app=each.stem) for each in files])
    descriptions = [syslog(each.read_bytes()) for each in CORPUS.glob("ihe-iti/*.xml")]
    site.send(*[each.replace(b"IHE+RFC-3881", b"-") for each in descriptions])
    assert until(site.kept, (before[0] + 13, before[1] + 4)) == (before[0] + 13, before[1] + 4)
    kept = {dict(each.received.header)["app-name"]: each for each in site.search() if each.received}
    kept_in_trail = {each.stem for each in files} & kept.keys()
    systems = {event.app: message for event, message in site.systems()}
    assert {each.stem for each in files} - kept_in_trail == {"start", "stop"}
    for file in files:
        message = systems[file.stem] if file.stem in systems else kept[file.stem].received
        assert message is not None
        assert message.raw == file.read_bytes()
    for name in kept_in_trail:
        for patient in kept[name].record.patients:
            found = site.search(f"patient|{patient}")
            assert kept[name].name in {each.name for each in found}
    assert kept["iti-44-log"].record.patients == ("11234^^^&2.16.756.5.30.1.174.1.9999.1&ISO",)
    assert kept["iti-44-log"].record.entities[1].query
