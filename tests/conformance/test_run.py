import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from answer import parse, text_of
from lxml import etree
from soap_client import ENV, WSA
from stub import Stub, accept, running

RUNNER = Path(__file__).resolve().parents[2] / "conformance" / "runner"
RS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType"


def registry(_content_type: str, content: bytes) -> tuple[int, str, bytes]:
    """Success for everything, Failure for a query whose text holds `refuse`, an empty list for queries."""
    root = parse(content)
    assert root is not None
    action = text_of(root, "Action")
    refused = b"refuse" in content
    error = (
        "<RegistryError errorCode='XDSRegistryError' codeContext='the context' severity='x:Error'/>"
        if refused
        else ""
    )
    body = f"<RegistryResponse status='{RS}:{'Failure' if refused else 'Success'}'>{error}</RegistryResponse>"
    return 200, "application/soap+xml; charset=UTF-8", (
        f"<s:Envelope xmlns:s='{ENV}' xmlns:a='{WSA}'><s:Header>"
        f"<a:Action s:mustUnderstand='1'>{action}Response</a:Action>"
        f"<a:RelatesTo>{text_of(root, 'MessageID')}</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()  # fmt: skip


def run(
    folder: Path, stub: Stub, cases: list[dict[str, Any]], *more: str
) -> subprocess.CompletedProcess[str]:
    (folder / "cases.jsonl").write_text("\n".join(json.dumps(case) for case in cases))
    (folder / "endpoints.json").write_text(
        json.dumps(
            {
                "registry": f"https://127.0.0.1:{stub.https}/registry",
                "repository": f"https://127.0.0.1:{stub.https}/repository",
                "mllp": f"127.0.0.1:{stub.mllp}",
                "patient_id_root": "2.999.1.1",
                "home_community_id": "urn:oid:2.999.1.2",
                "repository_unique_id": "2.999.1.3",
            }
        )
    )
    command = [
        sys.executable, str(RUNNER), "--cases", str(folder / "cases.jsonl"),
        "--endpoints", str(folder / "endpoints.json"), "--certificate", str(stub.certificate),
        "--key", str(stub.key), "--trust", str(stub.trust), *more,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def query(name: str, file: str, status: str = "Success", **more: Any) -> dict[str, Any]:
    expected = {"status": [status], "errorCodes": []}
    return {"id": name, "transaction": "ITI-18", "files": [file], "expected": expected, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.xml").write_text("<?xml version='1.0'?><q>$pid$</q>")
    (tmp_path / "bad.xml").write_text("<q>refuse</q>")
    (tmp_path / "feed.hl7").write_text("MSH|^~\\&|S|F|R|A|20260101||ADT^A01|42|P|2.3.1\nPID|||$pid$\n")
    return tmp_path


FEED = {
    "id": "feed",
    "transaction": "ITI-8",
    "files": ["feed.hl7"],
    "vars": [{"token": "$pid$", "kind": "new-patient"}],
    "expected": {"status": ["AA"], "errorCodes": []},
}


def test_a_run_that_passes(folder: Path) -> None:
    fed: list[bytes] = []

    def mllp(message: bytes) -> tuple[bytes, bool]:
        fed.append(message)
        return accept(message)

    patient = [{"token": "$pid$", "kind": "case-patient", "case": "feed"}]
    with running(folder, registry, mllp) as stub:
        done = run(folder, stub, [FEED, query("q", "good.xml", vars=patient, precondition=["feed"])])
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed, 0 skipped", done.stdout + done.stderr
    assert done.returncode == 0
    assert len(fed) == 1
    assert b"\n" not in fed[0]


def test_failed_blocked_and_skipped_cases(folder: Path) -> None:
    cases = [
        query("fails", "bad.xml"),
        query("blocked", "good.xml", precondition=["fails"]),
        query("expected to fail", "bad.xml", "Failure"),
        query("skipped", "good.xml", target="initiating-gateway"),
        query("follows", "good.xml", precondition=["skipped"]),
        query("assertion", "good.xml", saml={"variant": "valid"}),
        query("answer", "good.xml", "valid", direction="response (x)"),
    ]  # fmt: skip
    with running(folder, registry, accept) as stub:
        done = run(folder, stub, cases, "--report", str(folder / "report"))
    lines = done.stdout.splitlines()
    assert lines[-1] == "1 passed, 2 failed, 4 skipped", done.stdout + done.stderr
    assert done.returncode == 1
    assert any("fails" in line and "XDSRegistryError: the context" in line for line in lines)
    assert any("blocked" in line and "precondition fails failed" in line for line in lines)
    written = json.loads((folder / "report" / "report.json").read_bytes())
    outcomes = {c["id"]: c["outcome"] for c in written["cases"]}
    assert outcomes["follows"] == "skipped"
    assert outcomes["expected to fail"] == "passed"
    suite = etree.fromstring((folder / "report" / "junit.xml").read_bytes())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "2", "4")
    page = (folder / "report" / "report.html").read_text()
    assert "refuse" in page
    assert "the context" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_known_failures_do_not_fail_the_run(folder: Path) -> None:
    (folder / "known.toml").write_text('[failures]\n"fails" = "soon"\n"q" = "was wrong"\n')
    with running(folder, registry, accept) as stub:
        done = run(
            folder,
            stub,
            [query("fails", "bad.xml"), query("q", "good.xml")],
            "--known",
            str(folder / "known.toml"),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert "soon" in done.stdout
    assert "Listed as known failures, but passed" in done.stdout


def test_a_check_looks_at_the_steps_of_its_section(folder: Path) -> None:
    def check(name: str, xpath: str) -> dict[str, Any]:
        return {
            "id": name, "transaction": "check", "test": "t", "section": "s", "precondition": ["q"],
            "expected": {"assertions": [{"id": "a", "xpath": xpath}]},
        }  # fmt: skip

    asked = query("q", "good.xml", test="t", section="s", step="one", tkElement="Query")
    path = (
        "count(/Data/output/TestResults/TestStep[@id='one']/Query[@step='one']/Result/RegistryResponse) = 1"
    )
    with running(folder, registry, accept) as stub:
        done = run(
            folder,
            stub,
            [asked, check("right", path), check("wrong", "count(//Nothing) = 1")],
            "--only",
            "ITI-18",
        )
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed, 0 skipped", done.stdout + done.stderr


def test_a_submission_needs_its_document_only_if_it_has_an_entry(folder: Path) -> None:
    (folder / "entry.xml").write_text("<P><ExtrinsicObject/></P>")
    (folder / "folder.xml").write_text("<P><RegistryPackage/></P>")
    cases = [query(f"{n} {s}", f"{n}.xml", s) for n in ("entry", "folder") for s in ("Success", "Failure")]
    more = {"transaction": "ITI-41", "mtom": False}
    with running(folder, registry, accept) as stub:
        done = run(folder, stub, [{**case, **more} for case in cases], "--report", str(folder / "r"))
    found = {c["id"]: c["outcome"] for c in json.loads((folder / "r" / "report.json").read_bytes())["cases"]}
    assert found["entry Success"] == "skipped", done.stdout
    assert [name for name, outcome in found.items() if outcome == "skipped"] == ["entry Success"]


def test_refusal_of_a_foreign_domain_is_no_failure(folder: Path) -> None:
    (folder / "foreign.hl7").write_text(
        "MSH|^~\\&|S|F|R|A|20260101||ADT^A01|42|P|2.3.1\nPID|||1^^^&9.9&ISO\n"
    )
    (folder / "own.hl7").write_text(
        "MSH|^~\\&|S|F|R|A|20260101||ADT^A01|42|P|2.3.1\nPID|||1^^^&2.999.1.1&ISO\n"
    )

    def refuse(message: bytes) -> tuple[bytes, bool]:
        reply, close = accept(message)
        return reply.replace(b"|AA|", b"|AE|"), close

    cases = [{**FEED, "id": name, "files": [f"{name}.hl7"], "vars": []} for name in ("foreign", "own")]
    with running(folder, registry, refuse) as stub:
        done = run(folder, stub, cases)
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 1 skipped", done.stdout + done.stderr
    assert "of a domain that the target does not know: 9.9" in done.stdout


def test_no_certificate_no_answer(folder: Path) -> None:
    with running(folder, registry, accept) as stub:
        other = Stub(stub.https, stub.mllp, stub.trust, certificate=stub.trust, key=folder / "server.key")
        done = run(folder, other, [query("q", "good.xml")])
    assert "no answer" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    "arguments", [["--cases", "/nowhere"], ["--endpoints", "/nowhere"], ["--case", "nobody"]]
)
def test_a_run_that_cannot_be_made(folder: Path, arguments: list[str]) -> None:
    stub = Stub(1, 1, folder / "x", folder / "x", folder / "x")
    done = run(folder, stub, [FEED], *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("conformance: ")


def test_it_needs_nothing_of_the_product() -> None:
    for file in RUNNER.glob("*.py"):
        text = file.read_text()
        assert "gateway." not in text
        assert "import profiles" not in text
        assert "from profiles" not in text
