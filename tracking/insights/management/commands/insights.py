"""`manage.py insights`: count, tell, and hold the counts against the records."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tracking.insights import made_up_operations, operations, queries
from tracking.insights.types import Difference, Verification
from tracking.lib.errors import DomainError

# So many differences are listed; the rest is counted.
_LISTED = 20


class Command(BaseCommand):
    help = "Count decisions, tell what may be told of the counts, and see that they are true."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser(
            "verify",
            help="hold counts against all records, and what was told against the counts;"
            " exits 1 if something differs",
        )
        recount = actions.add_parser(
            "recount", help="put right what verify finds wrong with the counts"
        )
        for one in (verify, recount):
            one.add_argument("--site", help="the site's code (all sites)")
        actions.add_parser("roll-up", help="count what is recorded and not counted yet")
        tell = actions.add_parser("tell", help="add to the numbers what may be told by now")
        tell.add_argument(
            "--at-once",
            action="store_true",
            help="do not wait for answers to the showings of this round; for made-up data",
        )
        generate = actions.add_parser(
            "generate",
            help="make up a past for a demo or a measurement (DEMO=1 or DEBUG=1 only). From the"
            " newest notice on, or from ten days ago, phones in Japanese allow less",
        )
        generate.add_argument("--records", type=_number, required=True, help="decisions, in all")
        generate.add_argument("--days", type=_number, required=True, help="that end today")
        generate.add_argument("--site", help="the site's code (the only one)")
        generate.add_argument("--seed", type=int, default=1, help="same seed, same numbers (1)")
        generate.add_argument(
            "--waiting",
            type=int,
            help="of them, how many came in the newest minute and wait to be counted"
            " (one in 3,000)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        action = getattr(self, f"_{options['action'].replace('-', '_')}")
        try:
            action(options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _verify(self, options: dict[str, Any]) -> None:
        is_exact = True
        for site in _sites(options):
            found = queries.verify(site=site)
            self.stdout.write("\n".join(_lines(site, found)))
            is_exact &= not (found.differences or found.untrue_days)
        if not is_exact:
            sys.exit(1)

    def _recount(self, options: dict[str, Any]) -> None:
        for site in _sites(options):
            self.stdout.write(f"{site}: {operations.recount(site=site):,} counts put right")

    def _roll_up(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{operations.roll_up():,} decisions counted")

    def _tell(self, options: dict[str, Any]) -> None:
        days = operations.tell(now=timezone.now(), at_once=options["at_once"])
        self.stdout.write(f"{days:,} days looked at")

    def _generate(self, options: dict[str, Any]) -> None:
        if not (settings.DEMO or settings.DEBUG):
            raise CommandError(
                "Made-up records are evidence that nobody gave: only with DEMO=1 or DEBUG=1."
            )
        records, waiting = options["records"], options["waiting"]
        waiting = records // 3000 if waiting is None else waiting
        if not 0 <= waiting <= records:
            raise CommandError("--waiting must be between 0 and --records.")
        sites = _sites(options)
        if len(sites) != 1:
            raise CommandError(
                f"Say which site with --site: {', '.join(sites) or 'there is none'}."
            )
        made = made_up_operations.make_up(
            site=sites[0],
            records=records,
            days=options["days"],
            waiting=waiting,
            seed=options["seed"],
            now=timezone.now(),
        )
        self.stdout.write(
            f"{sites[0]}: {made.counted:,} decisions made up from {made.first} to {made.last},"
            f" {waiting:,} more wait to be counted.\n"
            f"From {made.fell_on} on, phones in Japanese allow less."
        )


def _sites(options: dict[str, Any]) -> list[str]:
    if options["site"]:
        return [options["site"]]
    return [site.code for site in queries.list_sites()]


def _lines(site: str, found: Verification) -> list[str]:
    """Return what verify says: one line if all is exact, else one for each thing that is not."""
    if not (found.differences or found.untrue_days):
        since = "no records yet" if found.since is None else f"since {found.since}"
        return [f"{site}: exact: {found.decisions:,} decisions {since}"]
    lines = [
        f"{site}: {len(found.differences):,} counts are not what the records say,"
        f" {len(found.untrue_days):,} days were told of what was not counted"
    ]
    lines += [f"  {_say(one)}" for one in found.differences[:_LISTED]]
    if len(found.differences) > _LISTED:
        lines.append(f"  … and {len(found.differences) - _LISTED:,} more")
    lines += [f"  {day}: numbers and counts do not agree" for day in found.untrue_days]
    if found.differences:
        lines.append(f"  put the counts right with: manage.py insights recount --site {site}")
    return lines


def _say(one: Difference) -> str:
    cell = one.cell
    what = " ".join(
        f"{name}={value}"
        for name, value in (
            ("language", cell.language), ("device_class", cell.device_class),
            ("regime", cell.regime), ("country_group", cell.country_group),
            ("presentation", cell.presentation), ("surface", cell.surface),
            ("notice", cell.notice), ("variant", cell.variant),
            ("referrer_class", cell.referrer_class), ("choices", cell.choices),
        )
        if value
    )  # fmt: skip
    return f"{one.day} {cell.kind}: counted {one.counted:,}, recorded {one.recounted:,} ({what})"


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("Name at least 1.")
    return number
