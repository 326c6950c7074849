"""Black-box conformance runner: `python conformance/runner --cases FILE --endpoints FILE …`.

Knows nothing of the system it looks at but its endpoints; see conformance/README.md.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from audit_client import SyslogClient
from cases import BadCollectionError, load, select
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from execute import Links, Run
from mllp_client import MllpClient
from order import plan
from report import Report, read_known, show, write
from rich.console import Console
from saml import Code, Issuer, read_issuer
from target import BadTargetError, read_capabilities, read_target

HERE = Path(__file__).resolve().parent.parent
BAD_USE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases; 0 if none failed unexpectedly, 1 if some did, 2 if the run could not be made."""
    options = _parser().parse_args(arguments)
    try:
        report = _run(options)
    except (BadCollectionError, BadTargetError, OSError, ValueError, TypeError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return BAD_USE
    show(report, Console(width=None if sys.stdout.isatty() else 160, highlight=False))
    if options.report:
        write(report, options.report)
    print(report.last_line())
    return 1 if report.failures else 0


def _run(options: argparse.Namespace) -> Report:
    collection = load(options.cases)
    only = [name.strip() for name in (options.only or "").split(",") if name.strip()]
    chosen = select(collection, only, options.case)
    ordered = plan(collection.cases, chosen)
    if not options.expand_preconditions:
        ordered = [case for case in ordered if case.id in set(chosen)]
    target = read_target(options.target, options.endpoints)
    capabilities = read_capabilities(options.capabilities)
    for name in options.domain:
        capabilities = capabilities.with_domain(name)
    known = read_known(options.known)
    issuer = _issuer(options)
    started = datetime.now(UTC)
    clock = time.perf_counter()
    with ExitStack() as stack:
        run = Run(
            collection, target, capabilities, _links(options, target.endpoints, stack), issuer,
            known,
        )  # fmt: skip
        results = [run.run(case) for case in ordered]
    return Report(results=results, known=known, seconds=time.perf_counter() - clock, started=started)


def _links(options: argparse.Namespace, endpoints: Mapping[str, str], stack: ExitStack) -> Links:
    context = _tls(options)
    http = stack.enter_context(httpx.Client(verify=context, timeout=options.timeout, follow_redirects=False))
    links = Links(http=http, mllp=None, syslog=_syslog(options, endpoints.get("syslog"), context))
    mllp = endpoints.get("mllp")
    if not mllp:
        return links
    host, _, port = mllp.rpartition(":")
    secured = None if options.plain_mllp else context
    client = MllpClient(host=host, port=int(port), context=secured, timeout=options.timeout)
    return replace(links, mllp=stack.enter_context(client))


def _syslog(options: argparse.Namespace, syslog: str | None, context: ssl.SSLContext) -> SyslogClient | None:
    if not syslog:
        return None
    host, _, port = syslog.rpartition(":")
    return SyslogClient(host=host, port=int(port), context=context, timeout=options.timeout)


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.trust)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate:
        context.load_cert_chain(options.certificate, options.key)
    return context


def _issuer(options: argparse.Namespace) -> Issuer | None:
    if options.issuer_key is None:
        return None
    if not (options.issuer_certificate and options.issuer and options.audience):
        raise ValueError("--issuer-key needs --issuer-certificate, --issuer and --audience")
    codes = (Code.parse(options.role), Code.parse(options.purpose))
    issuer = read_issuer(
        options.issuer_key, options.issuer_certificate, options.issuer, options.audience, codes
    )
    if options.confirmation == "bearer":
        return issuer
    if options.certificate is None:
        raise ValueError("--confirmation holder-of-key needs --certificate")
    holder = x509.load_pem_x509_certificate(options.certificate.read_bytes())
    return replace(issuer, holder=holder.public_bytes(Encoding.DER))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conformance/runner", description=__doc__)
    add = parser.add_argument
    add("--cases", type=Path, default=HERE / "cases.jsonl", help="collection, one case per line")
    add("--only", help="transactions, separated by commas")
    add("--case", action="append", default=[], help="id of one case; may be repeated")
    add("--domain", action="append", default=[], help="OID or namespace of patient identifiers it knows")
    add("--target", help="base URL of the system, with the usual paths")
    add("--endpoints", type=Path, help="JSON file with endpoints and identifiers of the system")
    add("--certificate", type=Path, help="our client certificate, PEM")
    add("--key", type=Path, help="its key, PEM")
    add("--trust", type=Path, help="authorities of the server certificate, PEM")
    add("--plain-mllp", action="store_true", help="MLLP without TLS")
    add("--timeout", type=float, default=20.0, help="seconds to wait for one answer")
    add("--capabilities", type=Path, default=HERE / "capabilities.toml", help="what the system offers")
    add("--known", type=Path, help="known_failures.toml: failures that do not fail the run")
    add("--report", type=Path, metavar="DIR", help="write junit.xml, report.html and report.json")
    add("--expand-preconditions", action=argparse.BooleanOptionalAction, default=True)
    group = parser.add_argument_group("assertions (ITI-40); without a key their cases are skipped")
    add = group.add_argument
    add("--issuer-key", type=Path, help="key of an issuer that the system trusts, PEM")
    add("--issuer-certificate", type=Path, help="its certificate, PEM")
    add("--issuer", metavar="ENTITY", help="its entity id")
    add("--audience", metavar="URI", help="how the system is called in AudienceRestriction")
    add("--role", default="112247003^^2.16.840.1.113883.6.96", help="role, code^^scheme")
    add("--purpose", default="TREAT^^2.16.840.1.113883.5.8", help="purpose of use, code^^scheme")
    add("--confirmation", choices=("bearer", "holder-of-key"), default="bearer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
