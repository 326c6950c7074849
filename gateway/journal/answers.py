"""The journal as octets: FHIR, HTML, or PDF/A that is signed."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.crypto.keys import Signer
from gateway.journal.leaves import paper
from gateway.journal.model import Journal
from gateway.journal.resources import bundle
from gateway.journal.sentences import teller
from gateway.paper.html import write_html
from gateway.stores.threads import in_thread

FORMS = ("json", "html", "pdf")


async def written(
    journal: Journal, form: str, language: str, links: Mapping[str, str], signer: Signer | None
) -> bytes:
    """The journal in one of FORMS. A PDF is signed, where there is a key, and holds the FHIR Bundle."""
    return await in_thread(_written, journal, form, language, links, signer)


def _written(
    journal: Journal, form: str, language: str, links: Mapping[str, str], signer: Signer | None
) -> bytes:
    told = teller(language)
    if form == "json":
        return orjson.dumps(bundle(journal, told, links))
    if form == "html":
        return write_html(paper(journal, told))
    # What writes and signs PDF takes half a second and 40 MiB to load: only for who asks for one.
    from gateway.paper.pdf import write_pdf  # noqa: PLC0415
    from gateway.paper.signing import sign_pdf  # noqa: PLC0415

    pages = write_pdf(paper(journal, told, machine=True))
    if signer is None:
        return pages
    return sign_pdf(pages, signer, journal.made, reason=told.words.text("paper", "title"))
