"""The form for a partner's endpoint, ready to print in one language. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tracking.delivery.page import GROUPS, Writer, short
from tracking.delivery.types import EndpointInfo, Profile, Recorded, Setting, Transport, Trial
from tracking.web.parts import pick

# A pattern of plain words is a choice between them.
_WORDS = re.compile(r"[\w-]+(\|[\w-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to fill in; `kind` is text, area, secret, number, check or select."""

    code: str
    label: str
    help: str
    kind: str
    value: str = ""
    example: str = ""
    options: tuple[tuple[str, str], ...] = ()
    is_required: bool = True
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WayLine:
    """A transport to choose, with one line of what it does and needs."""

    code: str
    name: str
    line: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    is_good: bool
    outcome: str
    why: str
    exchanges: tuple[Recorded, ...]
    silent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    site: str
    site_name: str
    partner: str
    name: str
    lead: str
    is_new: bool
    ways: tuple[WayLine, ...]
    transport: str
    transport_name: str
    facts: tuple[tuple[str, str], ...]
    source: str
    fields: tuple[Field, ...]
    has_errors: bool
    proposal: str
    can_test: bool
    test_note: str
    trial: TrialView | None


class FormWriter(Writer):
    """Writes the form in the words of the other pages about deliveries."""

    __slots__ = ()

    def form(
        self,
        *,
        partner: str,
        name: str,
        known: EndpointInfo | None,
        transport: Transport | None,
        values: Mapping[str, str],
        errors: Mapping[str, object],
        proposal: str,
        trial: Trial | None,
    ) -> FormPage:
        """
        Return the form for one way, or the choice of ways where `transport` is None.

        `values` and `errors` go by field: `url`, `settings.<code>`, `secret`, `confirms_by`,
        `concurrency`, `is_for_erasures_only`, `transport`. Of a secret `values` only say that one
        was written.
        """
        profile = None if transport is None else self.profiles[transport]
        return FormPage(
            site=self.site.code,
            site_name=self.site_name,
            partner=partner,
            name=name,
            lead=self.text["form_lead"].format(name=name),
            is_new=known is None,
            ways=tuple(self._way_line(one, transport) for one in self.profiles),
            transport="" if transport is None else str(transport),
            transport_name="" if transport is None else self.way(transport),
            facts=() if profile is None else self._form_facts(profile),
            source="" if profile is None else profile.source,
            fields=()
            if profile is None
            else tuple(
                self._fields(
                    profile,
                    values=values,
                    errors=errors,
                    keeps=known is not None and known.transport == transport,
                )
            ),
            has_errors=bool(errors),
            proposal=proposal,
            can_test=profile is not None and not profile.is_pulled,
            test_note="" if profile is None else self._test_note(profile),
            trial=None if trial is None else self._trial(trial),
        )

    def _way_line(self, transport: Transport, current: Transport | None) -> WayLine:
        text, profile = self.text, self.profiles[transport]
        names = self.text["identifiers"]
        kinds = " / ".join(names.get(kind, kind) for kind in profile.needs)
        needs = text["short_needs"].format(kinds=kinds) if kinds else text["short_needs_none"]
        return WayLine(
            code=str(transport),
            name=self.way(transport),
            line=f"{text[f'short_{profile.effect}']} · {needs}",
            is_current=transport is current,
        )

    def _form_facts(self, profile: Profile) -> tuple[tuple[str, str], ...]:
        text = self.text
        kinds = "、" if self.language == "ja" else ", "
        return (
            (text["effect_title"], text[f"effect_{profile.effect}"]),
            (text["erasure_title"], text[f"effect_{profile.erasure_effect}"]),
            (
                text["needs_title"],
                text["needs_some"].format(kinds=kinds.join(map(self.identifier, profile.needs)))
                if profile.needs
                else text["needs_none"],
            ),
        )

    def _fields(
        self,
        profile: Profile,
        *,
        values: Mapping[str, str],
        errors: Mapping[str, object],
        keeps: bool,
    ) -> list[Field]:
        text = self.text
        fields: list[Field] = []
        if profile.has_url:
            fields.append(
                Field(
                    code="url",
                    label=text["url"],
                    help=text["url_help"],
                    kind="text",
                    value=values.get("url", profile.url),
                    example=self.example(profile.url or "https://hooks.partner.example/consent"),
                    error=text["error_url"] if "url" in errors else "",
                )
            )
        for one in profile.settings:
            code = f"settings.{one.code}"
            fields.append(self._setting(one, code, values.get(code, ""), code in errors))
        if profile.secret is not None:
            fields.append(
                self._secret(
                    profile.secret, errors=errors, keeps=keeps, is_typed="secret" in values
                )
            )
        ways = [(str(way), str(text[f"confirms_{way}"])) for way in profile.confirms_by]
        if len(ways) > 1:
            fields.append(
                Field(
                    code="confirms_by",
                    label=text["confirms_by"],
                    help=text["confirms_help"],
                    kind="select",
                    value=values.get("confirms_by", ways[0][0]),
                    options=tuple(ways),
                    error=text["error_confirms_by"] if "confirms_by" in errors else "",
                )
            )
        if not profile.is_pulled:
            fields.append(
                Field(
                    code="concurrency",
                    label=text["concurrency"],
                    help=text["concurrency_help"],
                    kind="number",
                    value=values.get("concurrency", "8"),
                    error=text["error_concurrency"] if "concurrency" in errors else "",
                )
            )
        fields.append(
            Field(
                code="is_for_erasures_only",
                label=text["erasures_only"],
                help=text["erasures_only_help"],
                kind="check",
                value=values.get("is_for_erasures_only", ""),
                is_required=False,
            )
        )
        return fields

    def _setting(self, setting: Setting, code: str, value: str, is_wrong: bool) -> Field:
        text = self.text
        words = setting.pattern.split("|") if _WORDS.fullmatch(setting.pattern) else []
        if words and not setting.is_required:
            words = ["", *words]
        kind = "select" if words else "area" if r"[\s\S]" in setting.pattern else "text"
        return Field(
            code=code,
            label=pick(setting.label, self.language),
            help=pick(setting.help, self.language),
            kind=kind,
            value=value,
            example=self.example(setting.example),
            options=tuple((word, word or "—") for word in words),
            is_required=setting.is_required,
            error=text["error_form" if value else "error_empty"] if is_wrong else "",
        )

    def _secret(
        self, setting: Setting, *, errors: Mapping[str, object], keeps: bool, is_typed: bool
    ) -> Field:
        text = self.text
        error = ""
        if "secret" in errors:
            error = text["error_secret" if is_typed else "error_secret_missing"]
        notes = [text["secret_keep"]] if keeps else []
        if is_typed:
            notes.append(text["secret_again"])
        return Field(
            code="secret",
            label=pick(setting.label, self.language),
            help=pick(setting.help, self.language),
            notes=tuple(notes),
            kind="secret",
            is_required=setting.is_required and not keeps,
            error=error,
        )

    def _test_note(self, profile: Profile) -> str:
        text = self.text
        if profile.is_pulled:
            return str(text["test_pulled"])
        if not profile.sample:
            return self.sentences(text["test_payload"], text["test_unsaved"])
        sample = ", ".join(f"{kind} = {short(value)}" for kind, value in profile.sample.items())
        return self.sentences(text["test_sample"].format(sample=sample), text["test_unsaved"])

    def _trial(self, trial: Trial) -> TrialView:
        text = self.text
        silent = ""
        if not trial.exchanges:
            silent = text["trial_nothing" if trial.error else "trial_silent"]
        return TrialView(
            is_good=trial.outcome in GROUPS["good"],
            outcome=text["trial_outcome"].format(outcome=text[f"outcome_{trial.outcome}"]),
            why=self.error(trial.error),
            exchanges=tuple(
                replace(
                    one,
                    error=text["trial_no_answer"].format(error=self.error(one.error)),
                )
                for one in trial.exchanges
            ),
            silent=silent,
        )
