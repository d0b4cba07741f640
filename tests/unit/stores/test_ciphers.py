import base64
import json
import shutil
import subprocess
from functools import partial
from typing import Any

import pytest

from stores.ciphers import (
    CACHED_KEYS,
    CipherError,
    PiiCipher,
    SecretCipher,
    SipPasswordCipher,
    decode_keys,
    decode_master_key,
    derive_key,
)

pytestmark = pytest.mark.unit

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
LINE = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
RESTAURANT = "5b0c0d5e-7f0e-4c53-8d3d-0d5f7c1f2a01"
OTHER_RESTAURANT = "5b0c0d5e-7f0e-4c53-8d3d-0d5f7c1f2a02"

# line id, password, record: made with Node 20's crypto (pbkdf2Sync, createCipheriv "aes-256-gcm").
MADE_BY_NODE = [
    (LINE, "s3cret-Pass!", "oKGio6Slpqeoqaqr:e3xBQaMbjmgXXUHhwr1Pfg==:BlkoZ0KeIeyH/NzE"),
    (
        "9b2c1f66-1d0e-4b7a-8a55-7d9a3c0f1e22",
        "mot de passe é€",
        "oKGio6SlpqeoqaqrrK2urw==:LUt5nFbg7BgrukCVbYpScQ==:znRCtqce3+4jI9XvIAGQjH/s",
    ),
]

NODE_DECRYPTS = """
const crypto = require('crypto');
const [key, line, stored] = JSON.parse(process.argv[1]);
const [iv, tag, ciphertext] = stored.split(':').map(part => Buffer.from(part, 'base64'));
const derived = crypto.pbkdf2Sync(Buffer.from(key, 'base64'), line, 100000, 32, 'sha256');
const decipher = crypto.createDecipheriv('aes-256-gcm', derived, iv);
decipher.setAuthTag(tag);
process.stdout.write(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
"""


@pytest.mark.parametrize(("line_id", "password", "stored"), MADE_BY_NODE, ids=["iv of 12 bytes", "iv of 16 bytes"])
def test_a_sip_password_encrypted_by_node_is_read(line_id: str, password: str, stored: str) -> None:
    assert SipPasswordCipher(MASTER_KEY).decrypt(line_id, stored) == password


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node; the vectors above stand in for it")
def test_node_reads_a_sip_password_encrypted_here() -> None:
    stored = SipPasswordCipher(MASTER_KEY).encrypt(LINE, "naïve:pass")

    arguments = json.dumps([MASTER_KEY, LINE, stored])
    read = subprocess.run(["node", "-e", NODE_DECRYPTS, arguments], capture_output=True, check=True, timeout=20)

    assert read.stdout.decode() == "naïve:pass"


def test_a_sip_password_is_written_with_a_fresh_iv_of_12_bytes_and_a_tag_of_16() -> None:
    cipher = SipPasswordCipher(MASTER_KEY)

    first, second = cipher.encrypt(LINE, "secret"), cipher.encrypt(LINE, "secret")

    assert [len(base64.b64decode(part)) for part in first.split(":")] == [12, 16, 6]
    assert first.split(":")[0] != second.split(":")[0]


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "no colons",
        "a:b",
        "!!!:e3xBQaMbjmgXXUHhwr1Pfg==:BlkoZ0KeIeyH/NzE",
        "oKGio6Slpqc=:e3xBQaMbjmgXXUHhwr1Pfg==:BlkoZ0KeIeyH/NzE",  # iv of 8
        "oKGio6Slpqeoqaqr:e3xBQaMbjmgXXUE=:BlkoZ0KeIeyH/NzE",  # tag of 11
        "oKGio6Slpqeoqaqr:e3xBQaMbjmgXXUHhwr1Pfg==:CVkoZ0KeIeyH/NzE",  # a changed byte
    ],
)
def test_a_damaged_sip_password_is_refused_without_quoting_it(stored: str) -> None:
    with pytest.raises(CipherError, match=r"^SIP password: ") as refused:
        SipPasswordCipher(MASTER_KEY).decrypt(LINE, stored)

    assert "BlkoZ0KeIeyH" not in str(refused.value)


def test_a_sip_password_opens_for_its_own_line_and_master_key_only() -> None:
    stored = MADE_BY_NODE[0][2]

    with pytest.raises(CipherError):
        SipPasswordCipher(MASTER_KEY).decrypt(OTHER_RESTAURANT, stored)
    with pytest.raises(CipherError):
        SipPasswordCipher(OTHER_KEY).decrypt(LINE, stored)


def test_the_cache_of_derived_keys_is_bounded_and_keeps_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[str] = []

    def derive(_: str, __: bytes, salt: bytes, *___: int) -> bytes:
        derived.append(salt.decode())
        return bytes(32)

    monkeypatch.setattr("stores.ciphers.hashlib.pbkdf2_hmac", derive)
    cipher = SipPasswordCipher(MASTER_KEY)
    for number in range(CACHED_KEYS + 1):
        cipher.encrypt("line in use", "x")
        cipher.encrypt(f"line {number}", "x")
    cipher.encrypt("line in use", "x")
    cipher.encrypt("line 0", "x")

    assert derived.count("line in use") == 1
    assert derived.count("line 0") == 2


@pytest.mark.parametrize(
    "text",
    ["", "short", base64.b64encode(bytes(31)).decode(), "ü" * 44, base64.b64encode(bytes(32)).decode() + " \n#"],
)
def test_a_master_key_of_the_wrong_size_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(ValueError, match=r"MASTER_KEY: .*openssl rand -base64 32"):
        decode_master_key(text)


@pytest.mark.parametrize("text", [f"{MASTER_KEY},", f"{MASTER_KEY},,{MASTER_KEY}", f"{MASTER_KEY},short"])
def test_of_several_keys_the_wrong_one_is_told_by_its_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"MASTER_KEY: key 2 of \d is not 32 bytes"):
        decode_keys(text, "MASTER_KEY")


def test_personal_data_opens_for_its_own_restaurant_and_master_key_only() -> None:
    stored = PiiCipher(MASTER_KEY).encrypt(RESTAURANT, "Zoé Müller")

    assert PiiCipher(MASTER_KEY).decrypt(RESTAURANT, stored) == "Zoé Müller"
    assert "Zoé".encode() not in stored
    for cipher, owner in ((PiiCipher(MASTER_KEY), OTHER_RESTAURANT), (PiiCipher(OTHER_KEY), RESTAURANT)):
        with pytest.raises(CipherError):
            cipher.decrypt(owner, stored)
    with pytest.raises(CipherError, match="format"):
        PiiCipher(MASTER_KEY).decrypt(RESTAURANT, b"\x02" + stored[1:])


def test_a_number_is_found_again_however_it_is_punctuated_but_not_from_another_restaurant() -> None:
    pii = PiiCipher(MASTER_KEY)

    assert pii.phone_hash(RESTAURANT, "+33 6 12.34-56 78") == pii.phone_hash(RESTAURANT, "+33612345678")
    others = ("+33612345679", "33612345678", "0612345678", "")
    assert len({pii.phone_hash(RESTAURANT, number) for number in ("+33612345678", *others)}) == 5
    assert pii.phone_hash(RESTAURANT, "+33612345678") != pii.phone_hash(OTHER_RESTAURANT, "+33612345678")
    assert pii.phone_hash(RESTAURANT, "+33612345678") != PiiCipher(OTHER_KEY).phone_hash(RESTAURANT, "+33612345678")


def test_derived_keys_are_those_of_hkdf_sha256() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    expected = HKDF(SHA256(), 32, salt=None, info=b"purpose").derive(bytes(range(32)))

    assert derive_key(bytes(range(32)), "purpose") == expected


BOTH = f"{OTHER_KEY},{MASTER_KEY}"  # the new one first


def test_of_several_keys_the_first_one_writes_and_all_of_them_read() -> None:
    old, both, new = PiiCipher(MASTER_KEY), PiiCipher(BOTH), PiiCipher(OTHER_KEY)

    assert both.decrypt(RESTAURANT, old.encrypt(RESTAURANT, "Zoé")) == "Zoé"
    assert new.decrypt(RESTAURANT, both.encrypt(RESTAURANT, "Zoé")) == "Zoé"
    number = "+33612345678"
    assert both.phone_hashes(RESTAURANT, number) == (
        new.phone_hash(RESTAURANT, number),
        old.phone_hash(RESTAURANT, number),
    )


def test_what_an_older_key_has_written_is_renewed_once_and_reads_without_it() -> None:
    kinds: list[Any] = [PiiCipher, SipPasswordCipher, partial(SecretCipher, purpose="tests")]
    for kind in kinds:
        old, both, new = (kind(keys) for keys in (MASTER_KEY, BOTH, OTHER_KEY))
        secret = b"a secret" if isinstance(old, SecretCipher) else "a secret"
        stored = old.encrypt(RESTAURANT, secret)

        renewed = both.renewed(RESTAURANT, stored)

        assert new.decrypt(RESTAURANT, renewed) == secret
        assert both.renewed(RESTAURANT, renewed) is None
        with pytest.raises(CipherError):
            both.renewed(OTHER_RESTAURANT, stored)


def test_a_practice_lines_token_becomes_the_one_that_the_new_key_gives() -> None:
    (before,) = SipPasswordCipher(MASTER_KEY).practice_tokens(RESTAURANT)
    both = SipPasswordCipher(BOTH)

    renewed = both.renewed(RESTAURANT, SipPasswordCipher(MASTER_KEY).encrypt(RESTAURANT, before))

    assert renewed is not None
    assert SipPasswordCipher(OTHER_KEY).decrypt(RESTAURANT, renewed) == both.practice_tokens(RESTAURANT)[0] != before
