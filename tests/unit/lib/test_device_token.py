from __future__ import annotations

import hmac
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tracking.lib.device_token import DeviceToken, pairwise_id, seeded_device, sign, verify

KEYS = {"k2": b"2" * 32, "k1": b"1" * 32}
TOKEN = DeviceToken(device=UUID(int=7), site_id=3, serial=2, issued_at=1_800_000_000)


def test_a_token_comes_back_whole() -> None:
    assert verify(sign(TOKEN, keys=KEYS), keys=KEYS) == TOKEN


def test_an_older_key_still_verifies_and_a_removed_one_does_not() -> None:
    old = sign(TOKEN, keys={"k1": KEYS["k1"]})

    assert verify(old, keys=KEYS) == TOKEN
    assert verify(old, keys={"k2": KEYS["k2"]}) is None


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    assert verify(text, keys=KEYS) is None


@given(st.integers(0, 8 * 50))
def test_no_single_bit_can_be_changed(bit: int) -> None:
    import base64

    text = sign(TOKEN, keys=KEYS)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[(bit // 8) % len(raw)] ^= 1 << (bit % 8)

    assert verify(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="), keys=KEYS) is None


def test_each_partner_knows_the_device_under_another_name() -> None:
    names = {
        pairwise_id(device=device, partner=partner, site_id=site, keys=KEYS)
        for device in (UUID(int=7), UUID(int=8))
        for partner in ("a", "b")
        for site in (1, 2)
    }

    assert len(names) == 8


def test_a_new_signing_key_does_not_rename_devices() -> None:
    before = pairwise_id(device=UUID(int=7), partner="a", site_id=1, keys={"k1": KEYS["k1"]})

    assert pairwise_id(device=UUID(int=7), partner="a", site_id=1, keys=KEYS) == before


def test_a_seed_names_one_device_and_only_with_our_key() -> None:
    seed = "00112233445566778899aabbccddeeff"

    device = seeded_device(seed=seed, site_id=3, keys=KEYS)

    expected = hmac.new(b"1" * 32, b"device-seed|3|" + seed.encode(), "sha256").digest()[:16]
    assert device == UUID(bytes=expected)
    others = {
        seeded_device(seed=seed[:-1] + "0", site_id=3, keys=KEYS),
        seeded_device(seed=seed, site_id=4, keys=KEYS),
        seeded_device(seed=seed, site_id=3, keys={"k1": b"0" * 32}),
    }
    assert len({device, *others}) == 4


def test_a_new_signing_key_does_not_make_a_second_device_of_one_seed() -> None:
    before = seeded_device(seed="a" * 32, site_id=3, keys={"k1": KEYS["k1"]})

    assert seeded_device(seed="a" * 32, site_id=3, keys=KEYS) == before
