"""A document as one HTML page: no scripts, nothing from elsewhere, readable aloud and on paper (WCAG 2.2)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape

from gateway.paper.model import Attachment, Block, Grid, Heading, Pairs, Paper, Paragraph, Tone, shown

_STYLE = """
body{font:1rem/1.5 "Source Sans Pro",system-ui,sans-serif;color:#111;background:#fff;max-width:60rem;
margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1.05rem}
p,dd,td{overflow-wrap:anywhere;white-space:pre-line}
.small{font-size:.85rem;color:#444}.strong{font-weight:600}
dl{display:grid;grid-template-columns:minmax(9rem,1fr) 3fr;gap:.25rem 1rem;margin:0}
dt{font-weight:600}dd{margin:0}
table{border-collapse:collapse;width:100%}th,td{text-align:start;vertical-align:top;padding:.3rem .5rem;
border-bottom:1px solid #767676}
footer{margin-top:2rem;border-top:1px solid #767676;font-size:.85rem;color:#444}
@media print{body{max-width:none;padding:0;font-size:10pt}thead{display:table-header-group}
tr,dt,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}}
@page{size:A4;margin:20mm;@bottom-right{content:counter(page) " / " counter(pages)}}
""".strip()
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_html(paper: Paper) -> bytes:
    """The page in UTF-8. Every text is escaped; the attachment is a link that holds its content."""
    return "\n".join(_page(paper)).encode("utf-8")


def _page(paper: Paper) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield f'<html lang="{_text(paper.language)}">'
    yield '<head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_text(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta name="author" content="{_text(paper.author)}">'
    yield f"<title>{_text(paper.title)}</title>"
    yield f"<style>{_STYLE}</style></head>"
    yield f"<body><main><h1>{_text(paper.title)}</h1>"
    if paper.subject:
        yield f"<p>{_text(paper.subject)}</p>"
    for block in paper.blocks:
        yield from _block(block)
    if paper.attachment is not None:
        yield _attached(paper.attachment)
    yield f"</main><footer><p>{_text(paper.footer)}</p></footer></body></html>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"<h{block.level}>{_text(block.text)}</h{block.level}>"
    elif isinstance(block, Paragraph):
        tone = "" if block.tone is Tone.PLAIN else f' class="{block.tone.value}"'
        yield f"<p{tone}>{_text(block.text)}</p>"
    elif isinstance(block, Pairs):
        yield "<dl>"
        for name, value in block.rows:
            yield f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>"
        yield "</dl>"
    else:
        yield from _table(block)


def _table(grid: Grid) -> Iterator[str]:
    head = "".join(f'<th scope="col">{_text(each)}</th>' for each in grid.head)
    yield f"<table><thead><tr>{head}</tr></thead><tbody>"
    for row in grid.rows:
        yield "<tr>" + "".join(f"<td>{_text(each)}</td>" for each in row) + "</tr>"
    yield "</tbody></table>"


def _attached(attachment: Attachment) -> str:
    data = b64encode(attachment.content).decode("ascii")
    name = _text(attachment.name)
    target = f"data:{_text(attachment.media_type)};base64,{data}"
    return f'<p><a download="{name}" href="{target}">{_text(attachment.description)} ({name})</a></p>'


def _text(text: str) -> str:
    return escape(shown(text), quote=True)
