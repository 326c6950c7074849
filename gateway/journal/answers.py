"""The journal as octets: FHIR, HTML, or PDF/A that is signed."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.journal.leaves import paper
from gateway.journal.model import Journal
from gateway.journal.resources import bundle
from gateway.journal.sentences import Teller, teller
from gateway.paper.hand import Hand
from gateway.paper.html import write_html
from gateway.stores.threads import in_thread

FORMS = ("json", "html", "pdf")


async def written(
    journal: Journal, form: str, language: str, links: Mapping[str, str], hand: Hand | None
) -> bytes:
    """The journal in one of FORMS. A PDF is signed, where there is a key, and holds the FHIR Bundle."""
    told = teller(language)
    content = await in_thread(_written, journal, form, told, links)
    if form != "pdf" or hand is None:
        return content
    # What writes and signs PDF takes half a second and 40 MiB to load: only for who asks for one.
    from gateway.paper.signing import issued_pdf  # noqa: PLC0415

    return await issued_pdf(content, hand, journal.made, reason=told.words.text("paper", "title"))


def _written(journal: Journal, form: str, told: Teller, links: Mapping[str, str]) -> bytes:
    if form == "json":
        return orjson.dumps(bundle(journal, told, links))
    if form == "html":
        return write_html(paper(journal, told))
    from gateway.paper import signing  # noqa: F401, PLC0415 - loaded here, where nobody waits for it
    from gateway.paper.pdf import write_pdf  # noqa: PLC0415

    return write_pdf(paper(journal, told, machine=True))
