import pytest

from gateway.record.people import Node

LISTED = "https://kis.example:9443/callback"


def node(*reply_to: str) -> Node:
    return Node(
        name="kis",
        fingerprints=frozenset(),
        environment="integration",
        organisation="2.999.2.1",
        organisation_name="Test Hospital",
        transactions=frozenset(),
        reply_to=reply_to,
    )


@pytest.mark.parametrize("rest", ["", "/", "/a", "/a/", "/a/b.c", "/a/..b", "/a-b_~/c"])
def test_a_listed_address_and_paths_below_it(rest: str) -> None:
    assert node("https://other.example/", LISTED).takes_replies_at(LISTED + rest)


@pytest.mark.parametrize(
    "rest",
    ["2", ".evil", ":1", "@evil", "/..", "/.", "/a/../b", "/a/.", "//", "/a//b", "/%2e", "?a", "#a", "/a\n"],
)
def test_what_only_looks_like_a_path_below(rest: str) -> None:
    assert not node(LISTED).takes_replies_at(LISTED + rest)


def test_a_host_alone_lists_every_path() -> None:
    for listed in ("https://kis.example", "https://kis.example/"):
        assert node(listed).takes_replies_at("https://kis.example/a/b")
        for address in ("https://kis.example.evil/", "https://kis.example:1/", "https://kis.example@evil/"):
            assert not node(listed).takes_replies_at(address)


def test_without_a_list_there_is_no_address() -> None:
    assert not node().takes_replies_at(LISTED)
    assert not node().takes_replies_at("")
