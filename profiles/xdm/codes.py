"""Names on a medium (ITI TF-2 3.32.4.1.2, ISO 9660 level 1), and what a document's type is called there."""

from __future__ import annotations

import re
from types import MappingProxyType

ZIP = "application/zip"
INDEX = "INDEX.HTM"
README = "README.TXT"
FOLDER = "IHE_XDM"
METADATA = "METADATA.XML"
MULTIPART = "multipart/related"

LEVEL_1 = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")
"""A name of ISO 9660 level 1."""
MOST_SETS = 99
MOST_DOCUMENTS = 99_999

EXTENSIONS = MappingProxyType(
    {
        "text/xml": "XML",
        "application/xml": "XML",
        "application/hl7-cda+xml": "XML",
        "application/pdf": "PDF",
        "text/plain": "TXT",
        "text/html": "HTM",
        "text/rtf": "RTF",
        "application/rtf": "RTF",
        "image/jpeg": "JPG",
        "image/png": "PNG",
        "image/tiff": "TIF",
        "image/gif": "GIF",
        "application/dicom": "DCM",
        "application/fhir+json": "JSN",
        "application/fhir+xml": "XML",
    }
)
OTHER_EXTENSION = "BIN"
