import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.errors import BackupError
from backups.sealing import CHUNK_BYTES, Opened, seal, unseal
from stores.ciphers import key_name

pytestmark = pytest.mark.unit

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def sealed(plain: bytes, key: bytes = KEY) -> bytes:
    return b"".join(seal([plain], key, server_version=180006, owner="postgres", migrations=["0001_a.sql"]))


def opened(stored: bytes, *keys: bytes) -> Opened:
    return unseal(pieces(stored, 70_001), keys or (KEY,))


def pieces(whole: bytes, length: int) -> Iterator[bytes]:
    return (whole[start : start + length] for start in range(0, len(whole), length))


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_sealed_comes_back_whatever_pieces_it_travels_in(length: int) -> None:
    plain = os.urandom(length)

    header, found = opened(sealed(plain))

    assert b"".join(found) == plain
    assert (header.server_version, header.owner, header.migrations) == (180006, "postgres", ("0001_a.sql",))


def test_nothing_of_the_content_is_readable_and_two_backups_of_the_same_are_not_alike() -> None:
    plain = b"a caller's name" * 1000

    first, second = sealed(plain), sealed(plain)

    assert b"caller" not in first
    assert first[-200:] != second[-200:]


@given(st.integers(min_value=0, max_value=10_000_000))
def test_a_file_cut_off_anywhere_is_refused(at: int) -> None:
    whole = CUT_OFF

    with pytest.raises(BackupError, match=r"incomplete|cut off|not a backup"):
        b"".join(opened(whole[: at % len(whole)]).plain)


CUT_OFF = sealed(bytes(2 * CHUNK_BYTES + 7))


def test_a_file_that_lacks_its_last_chunk_is_refused_though_it_ends_at_a_chunks_end() -> None:
    whole = sealed(bytes(2 * CHUNK_BYTES))

    with pytest.raises(BackupError, match="cut off or damaged, after 0 MiB"):
        b"".join(opened(whole[: -(CHUNK_BYTES + 20)]).plain)


def test_a_changed_byte_is_refused_in_the_header_too() -> None:
    whole = sealed(b"x" * 100)
    for place in (whole.index(b"postgres"), len(whole) - 20):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(BackupError, match="damaged"):
            b"".join(opened(bytes(changed)).plain)


def test_another_key_is_told_by_its_name_before_anything_is_read() -> None:
    with pytest.raises(BackupError, match=f"sealed with key {key_name(KEY)}, and BACKUP_KEY has {key_name(OTHER)}"):
        opened(sealed(b"x"), OTHER)


def test_the_key_of_before_still_opens_beside_the_new_one() -> None:
    assert b"".join(opened(sealed(b"x"), OTHER, KEY).plain) == b"x"


def test_what_is_no_backup_is_called_that() -> None:
    with pytest.raises(BackupError, match="not a backup of this platform"):
        opened(b"PGDMP" + bytes(100))
