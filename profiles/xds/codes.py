"""Identifiers of the XDS metadata (ITI TF-3 4.2) and of the ebRIM/ebRS 3.0 carriers."""

from __future__ import annotations

from types import MappingProxyType

# Namespaces (ITI TF-2 V.2.4, ebRS 3.0).
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"
XDSB_2010 = "urn:ihe:iti:xds-b:2010"
RMD = "urn:ihe:iti:rmd:2017"
RMU = "urn:ihe:iti:rmu:2018"
XOP = "http://www.w3.org/2004/08/xop/include"

# Object types of DocumentEntries (4.2.5.2).
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"

# Classification nodes that label packages and limited metadata (4.2.5.1).
SUBMISSION_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
FOLDER_NODE = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
LIMITED_NODES = frozenset(
    {
        "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85",
        "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",
        "urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03",
    }
)

# DocumentEntry classification schemes (4.2.3.2).
ENTRY_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
CLASS_CODE = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
EVENT = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
FORMAT = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
FACILITY = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
PRACTICE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
TYPE_CODE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
ENTRY_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
ENTRY_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"

# SubmissionSet (4.2.3.3).
SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_SOURCE = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
SET_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

# Folder (4.2.3.4).
FOLDER_CODE = "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5"
FOLDER_PATIENT = "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a"
FOLDER_UNIQUE_ID = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a"

# Association documentation (4.2.2.2).
ASSOCIATION_REASON = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3"

EXTERNAL_NAMES = MappingProxyType(
    {
        ENTRY_PATIENT: "XDSDocumentEntry.patientId",
        ENTRY_UNIQUE_ID: "XDSDocumentEntry.uniqueId",
        SET_PATIENT: "XDSSubmissionSet.patientId",
        SET_SOURCE: "XDSSubmissionSet.sourceId",
        SET_UNIQUE_ID: "XDSSubmissionSet.uniqueId",
        FOLDER_PATIENT: "XDSFolder.patientId",
        FOLDER_UNIQUE_ID: "XDSFolder.uniqueId",
    }
)

# Association types (4.2.2): the record's Relation value → URN.
ASSOCIATION_TYPES = MappingProxyType(
    {
        "HasMember": "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
        "RPLC": "urn:ihe:iti:2007:AssociationType:RPLC",
        "XFRM": "urn:ihe:iti:2007:AssociationType:XFRM",
        "XFRM_RPLC": "urn:ihe:iti:2007:AssociationType:XFRM_RPLC",
        "APND": "urn:ihe:iti:2007:AssociationType:APND",
        "signs": "urn:ihe:iti:2007:AssociationType:signs",
        "IsSnapshotOf": "urn:ihe:iti:2010:AssociationType:IsSnapshotOf",
        "UpdateAvailabilityStatus": "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
        "SubmitAssociation": "urn:ihe:iti:2010:AssociationType:SubmitAssociation",
    }
)

AUDIT_METADATA = "IHE XDS Metadata"
"""Coding system of the kinds of registry objects in the audit (RMD 3.62.5.1)."""

# Fixed ebRIM values.
STATUS_PREFIX = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
AVAILABILITY_PREFIX = "urn:ihe:iti:2010:DocumentAvailability:"
OBJECT_TYPE_PREFIX = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
SEVERITY_ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
SEVERITY_WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"

# Slots the profile knows, per object (4.2.3); every other one is extra metadata.
ENTRY_SLOTS = frozenset(
    {
        "creationTime",
        "hash",
        "size",
        "languageCode",
        "legalAuthenticator",
        "urn:ihe:iti:xds:2013:referenceIdList",
        "repositoryUniqueId",
        "serviceStartTime",
        "serviceStopTime",
        "sourcePatientId",
        "sourcePatientInfo",
        "URI",
        "documentAvailability",
    }
)
SET_SLOTS = frozenset({"submissionTime", "intendedRecipient"})
FOLDER_SLOTS = frozenset({"lastUpdateTime"})
ASSOCIATION_SLOTS = frozenset(
    {"SubmissionSetStatus", "PreviousVersion", "AssociationPropagation", "OriginalStatus", "NewStatus"}
)
REFERENCE_IDS = "urn:ihe:iti:xds:2013:referenceIdList"
SLOTS_OF_SEVERAL = frozenset({"sourcePatientInfo", "intendedRecipient", "URI", REFERENCE_IDS})

# A document whose octets are not assembled yet (ITI TF-3 4.2.3.2.11, delayed assembly).
EMPTY_SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
