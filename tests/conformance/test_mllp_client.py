import ssl
from pathlib import Path

import pytest
from mllp_client import MllpClient, field_of, read, with_segment_ends
from stub import Stub, accept, running

ACK = (
    "MSH|^~\\&|A|B|C&D|F|20260101||ACK^A01^ACK|1|P|2.3.1\rMSA|AE|7|no\rERR|PID^1^3^204&unknown key\r"
    "PID|1||A^^^X&1.2&ISO~B^^^Y\rPID|2||C\r"
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-3", "A"),
        ("MSH-9-1", "ACK"),
        ("MSH-9-2", "A01"),
        ("MSH-12", "2.3.1"),
        ("MSH-5", "C"),
        ("MSH-5-1-2", "D"),
        ("MSH-9", "ACK"),
        ("MSA-1", "AE"),
        ("ERR-1-4-2", "unknown key"),
        ("PID-3(1)-1", "B"),
        ("PID-3-4-2", "1.2"),
        ("QUERY_RESPONSE(1)/.PID-3-1", "C"),
        ("PID(1)-3", "C"),
        ("PID-30", ""),
        ("QUERY_RESPONSE(2)/.PID", None),
        ("PV1-2", None),
    ],
)
def test_fields_by_their_path(path: str, value: str | None) -> None:
    assert field_of(ACK, path) == value


def test_another_kind_of_path_is_refused() -> None:
    with pytest.raises(ValueError, match="not a field path"):
        field_of(ACK, "pid.3")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_segment_ends_and_byte_order_mark(end: str) -> None:
    assert with_segment_ends(f"\ufeffMSH|a{end}PID|b") == "MSH|a\rPID|b\r"


def test_an_acknowledgement_is_read() -> None:
    answer = read(ACK)
    assert answer.status == "AE"
    assert "unknown key" in answer.detail
    assert read("nonsense").status == "no MSA"


def client(stub: Stub) -> MllpClient:
    context = ssl.create_default_context(cafile=stub.trust)
    context.load_cert_chain(stub.certificate, stub.key)
    return MllpClient(host="127.0.0.1", port=stub.mllp, context=context, timeout=5)


MESSAGE = b"MSH|^~\\&|S|F|R|A|20260101||ADT^A01|42|P|2.3.1\r"


def test_several_messages_on_connections_that_the_other_side_closes(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def answer(message: bytes) -> tuple[bytes, bool]:
        seen.append(message)
        return accept(message)[0], len(seen) == 2

    with running(tmp_path, lambda *_: (500, "", b""), answer) as stub, client(stub) as link:
        assert [link.send(MESSAGE).status for _ in range(4)] == ["AA"] * 4
    assert seen == [MESSAGE] * 4


def test_a_port_that_nobody_listens_on_is_no_answer() -> None:
    with MllpClient(host="127.0.0.1", port=1, context=None, timeout=1) as link:
        assert link.send(MESSAGE).status == "no answer"
