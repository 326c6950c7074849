"""Validates answers against published schemas, when a folder `xsd/` lies beside the cases."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

from answer import XOP_INCLUDE, local
from lxml import etree

FILES = {
    "AdhocQueryResponse": "xds/query.xsd",
    "RegistryResponse": "xds/rs.xsd",
    "RetrieveDocumentSetResponse": "xds/XDS.b_DocumentRepository.xsd",
} | {
    name: f"hl7v3/NE2008/multicacheschemas/{name}.xsd"
    for name in ("MCCI_IN000002UV01", "PRPA_IN201306UV02", "PRPA_IN201310UV02")
}


class Schemas:
    """Schemas by name of the answer's root element, read on first use."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, etree.XMLSchema] = {}

    def fault(self, payload: etree._Element | None) -> str | None:
        """The first violation in one line, or None: valid, or no schema for this element."""
        schema = self._schema(local(payload)) if payload is not None else None
        if payload is None or schema is None:
            return None
        tree = deepcopy(payload)
        for include in list(tree.iter(XOP_INCLUDE)):
            holder = include.getparent()
            if holder is not None:
                holder.remove(include)
        if schema.validate(tree):
            return None
        first_line = str(schema.error_log).splitlines()[0]
        return re.sub(r"^.*?:(\d+):\d+(?::[A-Z_0-9]+)+: ", r"line \1: ", first_line)

    def _schema(self, name: str) -> etree.XMLSchema | None:
        file = self._folder / FILES[name] if self._folder is not None and name in FILES else None
        if file is None or not file.is_file():
            return None
        if name not in self._read:
            self._read[name] = etree.XMLSchema(etree.parse(file))
        return self._read[name]
