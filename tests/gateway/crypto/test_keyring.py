"""Master keys that are replaced."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.envelope import KeyTree
from gateway.crypto.keyring import KeyRing, read_ring, write_ring
from gateway.errors import KeyUnreadable, SettingsInvalid

MASTER = os.urandom(32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "master.key"
    found.write_bytes(base64.b64encode(MASTER) + b"\n")
    found.chmod(0o600)
    return found


def test_a_derived_key_is_the_one_of_rfc_5869_and_outlives_its_master_key(path: Path) -> None:
    expected = HKDF(hashes.SHA256(), 32, salt=None, info=b"passerelle|purpose").derive(MASTER)
    assert KeyTree.at(path).derived(b"purpose") == expected
    write_ring(path, read_ring(path).with_new().newest_alone())
    assert read_ring(path).masters[0][1] != MASTER
    assert KeyTree.at(path).derived(b"purpose") == expected
    assert base64.b64encode(MASTER) not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_old_and_new_open_while_both_are_there(path: Path) -> None:
    serving = KeyTree.at(path)
    plain, wrapped = serving.new_record_key()
    assert serving.rewrapped(wrapped) is None
    write_ring(path, read_ring(path).with_new())
    other = KeyTree.at(path)
    assert (serving.version, other.version) == (1, 2)
    again = other.rewrapped(wrapped)
    assert again is not None
    assert again != wrapped
    assert other.rewrapped(again) is None
    assert serving.record_key(again) == plain, "the file is read again where a key does not open"
    assert serving.version == 2
    write_ring(path, read_ring(path).newest_alone())
    assert serving.refresh()
    assert serving.record_key(again) == plain
    assert not serving.opens(wrapped)
    with pytest.raises(KeyUnreadable):
        serving.record_key(wrapped)


def test_a_file_of_other_keys_is_not_taken_up(path: Path) -> None:
    serving = KeyTree.at(path)
    plain, wrapped = serving.new_record_key()
    write_ring(path, KeyRing.of(os.urandom(32)))
    assert not serving.refresh()
    assert serving.record_key(wrapped) == plain
    path.write_text("nonsense")
    os.utime(path, (1, 1))
    assert not serving.refresh()
    assert serving.record_key(wrapped) == plain


@pytest.mark.parametrize(
    "text",
    ["", "!", "2 AAAA\nbase AAAA\n", "AAAA\n", "1 2 3\n", f"1 {base64.b64encode(MASTER).decode()}\nx y\n"],
)
def test_a_file_that_is_none_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsInvalid):
        read_ring(path)


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="readable by others"):
        KeyTree.at(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid):
        KeyTree.at(tmp_path / "none")
