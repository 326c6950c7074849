import base64

import pytest
from answer import first, parse
from multipart import pack, unpack
from soap_client import ENV, WSA, Addressing, Message, forward, is_envelope, is_http_body, read, replay, wrap

QUERY = Addressing(url="https://host/registry?a&b", action="urn:a", mtom=False)
PROVIDE = Addressing(url="https://host/repository", action="urn:p", mtom=True)


def header(message: Message, name: str) -> str:
    content = unpack(message.content_type, message.content).root if message.mtom else message.content
    root = parse(content)
    assert root is not None
    found = root.find(f"{{{ENV}}}Header/{{{WSA}}}{name}")
    return "" if found is None else "".join(str(t) for t in found.itertext())


def test_a_body_becomes_an_addressed_envelope() -> None:
    message = wrap('\ufeff<?xml version="1.0"?>\n<q xmlns="urn:q">x</q>', QUERY)
    assert message.content_type == 'application/soap+xml; charset=UTF-8; action="urn:a"'
    assert header(message, "To") == "https://host/registry?a&b"
    assert header(message, "Action") == "urn:a"
    assert header(message, "MessageID") == message.message_id
    assert header(message, "ReplyTo").strip().endswith("/anonymous")
    assert message.payload is not None
    assert message.payload.tag == "{urn:q}q"
    assert message.payload.getparent() is None


def test_documents_become_parts_of_their_own() -> None:
    message = wrap(
        "<p:P xmlns:p='urn:ihe:iti:xds-b:2007'><x/></p:P>", PROVIDE, [("Document01", b"\x00\r\n--")]
    )
    package = unpack(message.content_type, message.content)
    root = parse(package.root)
    assert root is not None
    document = first(root, "Document")
    assert document is not None
    assert document.get("id") == "Document01"
    href = document[0].get("href") or ""
    assert package.parts[href.removeprefix("cid:")] == b"\x00\r\n--"


STORED = (
    f"<s:Envelope xmlns:s='{ENV}'><s:Header><To xmlns='{WSA}'>http://old</To>"
    f"<MessageID xmlns='{WSA}'>urn:uuid:old</MessageID></s:Header><s:Body><q/></s:Body></s:Envelope>"
)


def test_a_stored_envelope_is_addressed_to_us() -> None:
    message = forward(STORED, QUERY, complete=True)
    assert header(message, "To") == QUERY.url
    assert header(message, "MessageID") == message.message_id != "urn:uuid:old"
    assert header(message, "Action") == "urn:a"


def test_a_stored_envelope_without_a_header_gets_one() -> None:
    bare = f"<s:Envelope xmlns:s='{ENV}'><s:Body><q/></s:Body></s:Envelope>"
    assert header(forward(bare, QUERY, complete=True), "Action") == "urn:a"
    assert header(forward(bare, QUERY, complete=False), "Action") == ""


def test_comments_before_a_body_are_left_out() -> None:
    message = wrap("<?xml version='1.0'?><!-- a > b -->\n<!-- c --><q/>", QUERY)
    assert b"<!--" not in message.content
    assert message.payload is not None


def test_a_stored_envelope_that_must_fail_keeps_its_defects() -> None:
    bare = STORED.replace(f"<To xmlns='{WSA}'>http://old</To>", "")
    message = forward(bare, QUERY, complete=False)
    assert header(message, "Action") == ""
    assert header(message, "To") == ""
    assert header(message, "MessageID") != "urn:uuid:old"


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a>" + STORED,
        STORED[:-20],
        STORED.replace("<s:Body>", "<d:Signature xmlns:d='urn:d'/><s:Body>"),
    ],
)
def test_what_is_broken_or_signed_goes_out_untouched(text: str) -> None:
    assert forward(text, QUERY, complete=True).content == text.encode()


def test_a_stored_http_body_is_addressed_to_us() -> None:
    prefixed = STORED.replace("<To ", "<w:To ").replace("</To>", "</w:To>")
    stored = f"--b\nContent-Type: application/xop+xml\nContent-ID: <r>\n\n{prefixed}\n--b--\n"
    message = replay(stored, PROVIDE, "")
    package = unpack(message.content_type, message.content)
    assert b"https://host/repository</w:To>" in package.root
    assert message.message_id.encode() in package.root


@pytest.mark.parametrize(
    ("text", "envelope", "http"),
    [
        ("<a:Envelope xmlns:a='x'>", True, False),
        ("<q><Enveloped/></q>", False, False),
        ("--b\nx", False, True),
    ],
)
def test_kinds_of_files(text: str, envelope: bool, http: bool) -> None:  # noqa: FBT001
    assert is_envelope(text) is envelope
    assert is_http_body(text) is http


def envelope(body: str, head: str = "") -> bytes:
    header = f"<s:Header>{head}</s:Header>"
    return f"<s:Envelope xmlns:s='{ENV}'>{header}<s:Body>{body}</s:Body></s:Envelope>".encode()


def test_a_registry_answer_is_read() -> None:
    answer = read(
        200,
        "application/soap+xml; charset=UTF-8",
        envelope(
            "<RegistryResponse status='urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure'>"
            "<RegistryError errorCode='A' codeContext='why' severity='urn:x:Error'/>"
            "<RegistryError errorCode='B' codeContext='so' severity='urn:x:Warning'/></RegistryResponse>",
            f"<Action xmlns='{WSA}' s:mustUnderstand='1'>urn:r</Action>"
            f"<RelatesTo xmlns='{WSA}'>m</RelatesTo>",
        ),
    )
    assert (answer.status, answer.packaging, answer.action, answer.relates_to) == (
        "Failure",
        "plain",
        "urn:r",
        "m",
    )
    assert answer.action_understood
    assert [p.code for p in answer.problems if p.is_error] == ["A"]
    assert answer.summary() == "Failure; A: why"


def test_a_fault_is_read() -> None:
    code = "<s:Code><s:Value>s:Sender</s:Value></s:Code>"
    body = f"<s:Fault>{code}<s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"
    assert read(400, "application/soap+xml", envelope(body)).summary() == "Fault; s:Sender no"


def test_what_is_no_soap_is_told_by_its_http_status() -> None:
    assert read(502, "text/html", b"<html>").status == "HTTP 502"
    assert read(200, "multipart/related; boundary=b", b"").status == "HTTP 200"


@pytest.mark.parametrize("inline", [True, False])
def test_retrieved_documents(inline: bool) -> None:  # noqa: FBT001
    content = bytes(range(256))
    held = (
        base64.b64encode(content).decode()
        if inline
        else "<i:Include xmlns:i='http://www.w3.org/2004/08/xop/include' href='cid:a%40b'/>"
    )
    body = (
        "<RetrieveDocumentSetResponse><RegistryResponse status='x:Success'/><DocumentResponse>"
        "<RepositoryUniqueId>1.2</RepositoryUniqueId><DocumentUniqueId>3.4</DocumentUniqueId>"
        f"<mimeType>text/plain</mimeType><Document>{held}</Document></DocumentResponse>"
        "</RetrieveDocumentSetResponse>"
    )
    content_type, package = pack(envelope(body), [("a@b", content)], "")
    answer = read(200, content_type, package)
    assert (answer.status, answer.packaging) == ("Success", "mtom")
    assert [(d.repository, d.unique_id, d.mime_type, d.content) for d in answer.documents] == [
        ("1.2", "3.4", "text/plain", content)
    ]
