import pytest
from hypothesis import given
from hypothesis import strategies as st
from multipart import BadPackageError, content_type_of, pack, parameters, unpack, with_wire_line_ends

AWKWARD = st.binary() | st.lists(st.sampled_from([b"\r\n", b"\n", b"--", b"\r\n--uuid_", b"x"])).map(b"".join)


@given(st.lists(AWKWARD, max_size=4), AWKWARD)
def test_what_is_packed_comes_out_again(contents: list[bytes], root: bytes) -> None:
    attachments = [(f"{number}@here", content) for number, content in enumerate(contents)]
    content_type, body = pack(root, attachments, "urn:action")
    package = unpack(content_type, body)
    assert package.root == root
    assert parameters(package.root_type)[0] == "application/xop+xml"
    assert [package.parts[name] for name, _ in attachments] == contents
    assert parameters(content_type)[1]["action"] == "urn:action"


def test_the_root_is_the_part_that_start_names() -> None:
    body = b"--b\r\nContent-ID: <1>\r\n\r\none\r\n--b\r\ncontent-id: <2>\r\n\r\ntwo\r\n--b--\r\n"
    assert unpack('multipart/related; boundary=b; start="<2>"', body).root == b"two"
    assert unpack('multipart/related; boundary="b"', body).root == b"one"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b"nothing"),
        ("multipart/related; boundary=b", b"--b\r\nno end\r\n--b--"),
    ],
)
def test_a_broken_package_is_told(content_type: str, body: bytes) -> None:
    with pytest.raises(BadPackageError):
        unpack(content_type, body)


def test_a_stored_body_gets_crlf_in_its_heads_only() -> None:
    stored = b"--b\nContent-ID: <r>\n\n<a>\n</a>\n--b\nContent-ID: <d>\n\nline 1\nline 2\n\n--b--\n"
    content_type = content_type_of(stored)
    sent = with_wire_line_ends(stored, content_type)
    package = unpack(content_type, sent)
    assert package.root == b"<a>\n</a>"
    assert package.parts["d"] == b"line 1\nline 2\n"
    assert sent.startswith(b"--b\r\nContent-ID: <r>\r\n\r\n<a>\n")
