"""The fake refuses what docs/partners.md tells partners to refuse; else our tests prove little."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import SECRET, FakePartner, fake_partner
from tracking.delivery.transports import webhook
from tracking.lib.outbound_http import OutboundClient

BODY = b'{"type":"consent.revoked","data":{"subject":"s","version":2}}'
OLDER = b'{"type":"consent.granted","data":{"subject":"s","version":1}}'
ERASED = b'{"type":"device.erased","data":{"subject":"s","version":3}}'


@pytest.fixture
def partner() -> Iterator[FakePartner]:
    with fake_partner() as listening:
        yield listening


def send(
    partner: FakePartner,
    *,
    body: bytes = BODY,
    signed: bytes | None = None,
    secret: str = SECRET,
    ago: timedelta = timedelta(0),
    content_type: str = "application/json",
    **changes: str,
) -> int:
    headers = webhook.sign(
        key="msg_1",
        body=body if signed is None else signed,
        secrets=[secret],
        attempted_at=datetime.now(tz=UTC) - ago,
    )
    headers |= {f"webhook-{name}": value for name, value in changes.items()}

    async def post() -> int:
        async with OutboundClient(allow_loopback=True) as client:
            answer = await client.request(
                method="POST",
                url=partner.url,
                headers={"Content-Type": content_type, **headers},
                body=body,
            )
            return answer.status

    return asyncio.run(post())


def test_it_takes_what_is_signed_well(partner: FakePartner) -> None:
    assert send(partner) == 204
    assert partner.keys == ["msg_1"]


@pytest.mark.parametrize(
    "how",
    [
        {"signed": BODY + b" "},
        {"secret": "whsec_" + "A" * 44},
        {"ago": timedelta(minutes=6)},
        {"ago": -timedelta(minutes=6)},
        {"id": "msg_2"},
        {"signature": "v1,AAAA"},
        {"signature": "nonsense"},
    ],
)
def test_it_refuses_bad_and_old_signatures(partner: FakePartner, how: dict[str, object]) -> None:
    assert send(partner, **how) == 401  # type: ignore[arg-type]
    assert (partner.received, partner.refused) == ([], ["signature"])


def test_it_refuses_other_types_and_large_bodies(partner: FakePartner) -> None:
    assert send(partner, content_type="text/plain") == 400
    assert send(partner, body=b" " * 20_001) == 400
    assert partner.refused == ["content type", "too large"]


def test_it_believes_the_highest_version_whatever_comes_last(partner: FakePartner) -> None:
    send(partner)
    send(partner, body=OLDER)
    assert [message.type for message in partner.received] == ["consent.revoked", "consent.granted"]
    assert partner.state["s"]["version"] == 2


@pytest.mark.parametrize("bodies", [(BODY, ERASED), (ERASED, BODY)])
def test_it_forgets_an_erased_subject_whichever_message_comes_first(
    partner: FakePartner, bodies: tuple[bytes, bytes]
) -> None:
    for body in bodies:
        send(partner, body=body)
    assert partner.erased == {"s"}
    assert partner.state == {"s": {"version": 3}}
