"""expect_root: the Body's child is the one promised, and follows its schema."""

import pytest
from lxml import etree

from gateway.declare.bindings import SoapPayload
from gateway.errors import ActionMismatch, SchemaInvalid
from profiles.xds import codes
from profiles.xds.wire.requests import expect_root, read_query_request, read_retrieve_request

RETRIEVE = f"{{{codes.XDSB}}}RetrieveDocumentSetRequest"


def payload(text: str) -> SoapPayload:
    return SoapPayload(etree.fromstring(text), {})


def test_a_valid_body_is_handed_over_itself() -> None:
    asked = payload(
        f'<RetrieveDocumentSetRequest xmlns="{codes.XDSB}"><DocumentRequest>'
        "<RepositoryUniqueId>2.999.1</RepositoryUniqueId><DocumentUniqueId>2.999.2</DocumentUniqueId>"
        "</DocumentRequest></RetrieveDocumentSetRequest>"
    )

    assert expect_root(asked, RETRIEVE) is asked.element
    assert [item.unique_id for item in read_retrieve_request(asked)] == ["2.999.2"]


def test_another_element_is_a_mismatch() -> None:
    with pytest.raises(ActionMismatch, match="the Body holds other, the action promises RetrieveDocumentSet"):
        expect_root(payload("<other/>"), RETRIEVE)


def test_the_right_name_in_another_namespace_is_told_apart() -> None:
    with pytest.raises(ActionMismatch, match="RetrieveDocumentSetRequest of another namespace"):
        expect_root(payload("<RetrieveDocumentSetRequest/>"), RETRIEVE)


def test_elements_in_another_order_break_the_schema() -> None:
    asked = payload(
        f'<RetrieveDocumentSetRequest xmlns="{codes.XDSB}"><DocumentRequest>'
        "<DocumentUniqueId>2.999.2</DocumentUniqueId><RepositoryUniqueId>2.999.1</RepositoryUniqueId>"
        "</DocumentRequest></RetrieveDocumentSetRequest>"
    )

    with pytest.raises(
        SchemaInvalid, match=r"DocumentUniqueId in line 1 .* expected HomeCommunityId or Repository"
    ):
        read_retrieve_request(asked)


def test_a_query_without_its_option_breaks_the_schema() -> None:
    asked = payload(
        f'<q:AdhocQueryRequest xmlns:q="{codes.QUERY}"><AdhocQuery xmlns="{codes.RIM}" id="urn:x"/>'
        "</q:AdhocQueryRequest>"
    )

    with pytest.raises(SchemaInvalid, match="expected RequestSlotList or ResponseOption"):
        read_query_request(asked)
