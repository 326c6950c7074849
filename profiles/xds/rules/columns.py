"""Which attribute must, may or must not be sent, by context (ITI TF-3 Tables 4.3.1-3 and 4.3.2.1-3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, unique
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple


@unique
class Column(Enum):
    """The sender whose column sets the cardinalities; in this order stand the cells of the tables below."""

    SOURCE = "XDS Document Source"
    REPOSITORY = "XDS Document Repository"
    MEDIA = "XDM Portable Media Creator"
    XDR_SOURCE = "XDR Document Source"
    XDR_LIMITED = "XDR Metadata-Limited Document Source"
    ON_DEMAND = "XDS On-Demand Document Source"


@unique
class Optionality(Enum):
    """Required, required if known, optional, prohibited. What is not known need not be sent."""

    REQUIRED = "R"
    IF_KNOWN = "R2"
    OPTIONAL = "O"
    PROHIBITED = "X"


# Attribute, the field that holds it, then the cells: XDS DS, XDS DR, XDM MC, XDR DS, XDR MS, XDS OD.
# availabilityStatus and version are not here: what a submission says of them is ignored.
_ENTRY = """
author                      authors              R2 R2 R2 R2 R2 R2
classCode                   class_code           R  R  R2 R  R2 R
comments                    comments             O  O  O  O  O  O
confidentialityCode         confidentiality      R  R  R2 R  R2 R
creationTime                creation_time        R  R  R2 R  R2 X
documentAvailability        availability         O  O  O  O  O  X
entryUUID                   id                   R  R  R  R  R  R
eventCodeList               events               O  O  O  O  O  O
formatCode                  format_code          R  R  R2 R  R2 R
hash                        hash                 O  R  R  O  O  X
healthcareFacilityTypeCode  facility_type        R  R  R2 R  R2 R
homeCommunityId             home                 O  O  O  O  O  O
languageCode                language             R  R  R2 R  R2 R
legalAuthenticator          legal_authenticator  O  O  O  O  O  O
limitedMetadata             limited              X  X  O  X  R  X
logicalID                   logical_id           O  O  O  O  O  O
mimeType                    mime_type            R  R  R  R  R  R
patientId                   patient              R  R  R2 R  R2 R
practiceSettingCode         practice_setting     R  R  R2 R  R2 R
referenceIdList             reference_ids        O  O  O  O  O  O
repositoryUniqueId          repository           O  R  O  O  O  R
serviceStartTime            service_start        R2 R2 R2 R2 R2 O
serviceStopTime             service_stop         R2 R2 R2 R2 R2 O
size                        size                 O  R  R  O  O  X
sourcePatientId             source_patient_id    R  R  R2 R  R2 R
sourcePatientInfo           source_patient_info  O  O  R2 O  R2 O
title                       title                O  O  O  O  O  O
typeCode                    type_code            R  R  R2 R  R2 R
uniqueId                    unique_id            R  R  R  R  R  R
URI                         uri                  O  O  R  O  O  O
"""
_SUBMISSION_SET = """
author                      authors              R2 R2 R2 R2 R2 R2
comments                    comments             O  O  O  O  O  O
contentTypeCode             content_type         R  R  R2 R  R2 R
entryUUID                   id                   R  R  R  R  R  R
homeCommunityId             home                 O  O  O  O  O  O
intendedRecipient           recipients           O  O  R2 R2 R2 O
limitedMetadata             limited              X  X  O  X  R  X
patientId                   patient              R  R  R2 R  R2 R
sourceId                    source_id            R  R  R  R  R  R
submissionTime              submission_time      R  R  R  R  R  R
title                       title                O  O  O  O  O  O
uniqueId                    unique_id            R  R  R  R  R  R
"""
_FOLDER = """
codeList                    codes                R  R  R2 R  R2 R
comments                    comments             O  O  O  O  O  O
entryUUID                   id                   R  R  R  R  R  R
homeCommunityId             home                 O  O  O  O  O  O
lastUpdateTime              last_update          O  O  O  O  O  O
limitedMetadata             limited              X  X  O  X  R  X
logicalID                   logical_id           O  O  O  O  O  O
patientId                   patient              R  R  R2 R  R2 R
title                       title                R  R  O  R  O  R
uniqueId                    unique_id            R  R  R  R  R  R
"""


@unique
class Kind(Enum):
    """The object that an attribute belongs to, with the table of the standard."""

    ENTRY = "DocumentEntry"
    SUBMISSION_SET = "SubmissionSet"
    FOLDER = "Folder"


class Demand(NamedTuple):
    """An attribute with the way to read it from its record object."""

    attribute: str
    read: Callable[[Any], object]


Cells = Mapping[Column, Optionality]


def _cells(table: str) -> dict[str, tuple[str, Cells]]:
    rows = (line.split() for line in table.strip().splitlines())
    return {
        attribute: (field, MappingProxyType(dict(zip(Column, map(Optionality, cells), strict=True))))
        for attribute, field, *cells in rows
    }


_TABLES = MappingProxyType(
    {
        Kind.ENTRY: MappingProxyType(_cells(_ENTRY)),
        Kind.SUBMISSION_SET: MappingProxyType(_cells(_SUBMISSION_SET)),
        Kind.FOLDER: MappingProxyType(_cells(_FOLDER)),
    }
)


def optionality(kind: Kind, attribute: str, column: Column) -> Optionality:
    """One cell of the tables; KeyError for what is no attribute of the kind."""
    return _TABLES[kind][attribute][1][column]


def _demands(wanted: Optionality) -> Mapping[tuple[Kind, Column], tuple[Demand, ...]]:
    return MappingProxyType(
        {
            (kind, column): tuple(
                Demand(attribute, attrgetter(field))
                for attribute, (field, cells) in table.items()
                if cells[column] is wanted
            )
            for kind, table in _TABLES.items()
            for column in Column
        }
    )


REQUIRED = _demands(Optionality.REQUIRED)
"""What must be sent, by kind and column."""

PROHIBITED = _demands(Optionality.PROHIBITED)
"""What must not be sent, by kind and column."""
