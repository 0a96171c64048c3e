"""Lists for partners that are told by files and mails."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.factories.withdrawals import withdrawal
from tracking.delivery.transports import listing

HEADER = "message,type,version,decided_at,due_at,withdrawn,identifier\r\n"


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_one_line_per_identifier() -> None:
    message = withdrawal(1, ga_client_id="12.34")
    told = "consent.revoked,3,2026-04-01T15:01:00+00:00,2026-04-02T15:00:00+00:00"
    start = f"msg_{message.key.hex},{told},purpose:advertising item:activity.url"
    assert listing.as_csv([message]).decode() == (
        f"{HEADER}{start},subject:subject0001\r\n{start},ga_client_id:12.34\r\n"
    )


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")', "＝1", 'a"b,c\nd', "名"],
)
def test_no_cell_begins_a_formula_and_every_value_stays_whole(value: str) -> None:
    content = listing.as_csv([withdrawal(1, subject=value, user_id=value)])
    rows = read(content)
    assert [row["identifier"] for row in rows] == [f"subject:{value}", f"user_id:{value}"]
    for row in rows:
        for cell in row.values():
            assert cell[:1] not in set("=+-@\t\r＝＋－＠")


def test_cells_of_ours_are_guarded_too() -> None:
    rows = read(listing.as_csv([withdrawal(1, due_at="=1+1", type="@x")]))
    assert (rows[0]["due_at"], rows[0]["type"]) == ("'=1+1", "'@x")


def test_lines_of_json_are_what_a_feed_holds() -> None:
    one, two = withdrawal(1, ga_client_id="12.34"), withdrawal(2)
    lines = listing.as_jsonl([one, two]).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": f"msg_{one.key.hex}", **one.payload, "identifiers": {"ga_client_id": "12.34"}},
        {"id": f"msg_{two.key.hex}", **two.payload, "identifiers": {}},
    ]


def test_a_digest_names_messages_whatever_their_order() -> None:
    one, two, three = (withdrawal(number) for number in (1, 2, 3))
    assert listing.digest([one, two]) == listing.digest([two, one])
    assert listing.digest([one, two]) != listing.digest([one, three])
    assert listing.digest([one]) != listing.digest([one, two])
