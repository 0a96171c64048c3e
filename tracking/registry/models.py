"""What a site declares. A notice version freezes it; only the frozen copy decides anything."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tracking.registry.types import (
    IDENTIFIER_COOKIE,
    IDENTIFIER_KIND,
    MOST_EXCEPTION_DAYS,
    MOST_IDENTIFIERS,
    ChoiceKind,
    ExceptionBasis,
    ForeignBasis,
    HoldMode,
    Nature,
    OptoutKind,
    Presentation,
    RecipientClass,
    Role,
    TagStatus,
    Transport,
    Vendor,
)


def _choices(enum: type) -> list[tuple[str, str]]:
    return [(member.value, member.value) for member in enum]  # type: ignore[attr-defined]


def _one_of(field: str, enum: type, name: str) -> models.CheckConstraint:
    values = [member.value for member in enum]  # type: ignore[attr-defined]
    return models.CheckConstraint(condition=Q(**{f"{field}__in": values}), name=name)


# In PostgreSQL's path language; a member that is missing or no text matches no pattern.
IDENTIFIERS_PATH = (
    f'$.type() == "array" && $.size() <= {MOST_IDENTIFIERS} && !exists($[*] ? ('
    f'@.kind.type() != "string" || !(@.kind like_regex "^{IDENTIFIER_KIND}$") || '
    f'@.cookie.type() != "string" || !(@.cookie like_regex "^{IDENTIFIER_COOKIE}$")))'
)


class Site(models.Model):
    """Texts are maps from language to text; so in every table here."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.JSONField(default=dict)
    origins = ArrayField(models.TextField(), default=list)
    zone = models.TextField(default="Asia/Tokyo")
    default_country = models.CharField(max_length=2, default="JP")
    profile = models.TextField(default="jp-a")
    languages = ArrayField(models.TextField(), default=list)
    presentation = models.TextField(choices=_choices(Presentation), default=Presentation.BAR)
    quarantines_overdue_partners = models.BooleanField(default=True)
    hold_mode = models.TextField(
        choices=_choices(HoldMode),
        default=HoldMode.OBSERVE,
        help_text="What pages may ask of other hosts before a yes. Look first, then be strict.",
    )
    replays_held = models.BooleanField(
        default=True, help_text="After a yes, send what was held; otherwise only what is new."
    )
    # Company contact that every notice prints (APPI Art. 32(1), Order 10).
    company = models.JSONField(default=dict)
    # {"accent": "#1a5fb4"}: what the site's brand changes in how banner and pages look.
    look = models.JSONField(default=dict, blank=True)
    review_months = models.PositiveSmallIntegerField(
        default=12, help_text="So long after it was published, a notice is to be looked at again."
    )
    asks_age = models.BooleanField(
        default=False, help_text="Decisions say an age band; a child's yes needs its guardian's."
    )
    counts_page_views = models.BooleanField(
        default=False,
        help_text="Count page views by the purposes allowed on them, without cookie or identifier.",
    )

    class Meta:
        constraints = [
            _one_of("presentation", Presentation, "site_presentation_known"),
            _one_of("hold_mode", HoldMode, "site_hold_mode_known"),
            models.CheckConstraint(
                condition=Q(review_months__gte=1, review_months__lte=36),
                name="site_review_within_three_years",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ChoiceNumber(models.Model):
    """The small number under which records store a choice; never reused, never renumbered."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    number = models.SmallIntegerField()
    kind = models.TextField(choices=_choices(ChoiceKind))
    code = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="choice_number_once"),
            models.UniqueConstraint(fields=["site", "kind", "code"], name="choice_id_once"),
            models.CheckConstraint(condition=Q(number__gte=0), name="choice_number_natural"),
            _one_of("kind", ChoiceKind, "choice_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.number} {self.kind}:{self.code}"


class Purpose(models.Model):
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    code = models.SlugField(max_length=40)
    position = models.SmallIntegerField(default=0)
    nature = models.TextField(choices=_choices(Nature))
    name = models.JSONField(default=dict)
    description = models.JSONField(default=dict)
    # Codes of the purposes in the site's own privacy policy, such as P10.
    policy_codes = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="purpose_code_once"),
            _one_of("nature", Nature, "purpose_nature_known"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.code}"


class DataItem(models.Model):
    """A thing collected (Article 9). `jiaa_class` 1 attribute, 2 identifier, 3 log."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    code = models.TextField()
    position = models.SmallIntegerField(default=0)
    name = models.JSONField(default=dict)
    description = models.JSONField(default=dict, blank=True)
    is_article9 = models.BooleanField(default=True)
    # Where else the site's policy names it, such as 第3条; without either it cannot be collected.
    named_in = models.TextField(blank=True, default="")
    jiaa_class = models.CharField(max_length=1)
    is_contactable = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "code"], name="item_code_once")]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.code}"


class JointUse(models.Model):
    """
    One joint use of personal data, as it is announced (APPI Art. 27(5)(iii)).

    Its members are the site and the partners that name it. What is used jointly, and by whom, has
    no way to change by notice: that is another joint use, with another code.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    code = models.SlugField(max_length=40)
    position = models.SmallIntegerField(default=0)
    items = models.ManyToManyField(DataItem, blank=True)
    scope = models.JSONField(default=dict)
    purpose = models.JSONField(default=dict)
    # Who answers for it. A corporation also names its representative.
    responsible_name = models.JSONField(default=dict)
    responsible_address = models.JSONField(default=dict)
    responsible_representative = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "code"], name="joint_use_code_once")]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.code}"


class Partner(models.Model):
    """Who receives something. Where and how they are told belongs to the delivery room."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    code = models.SlugField(max_length=40)
    position = models.SmallIntegerField(default=0)
    legal_name = models.JSONField(default=dict)
    service_name = models.JSONField(default=dict, blank=True)
    country = models.CharField(max_length=2)
    address = models.JSONField(default=dict, blank=True)
    representative = models.JSONField(default=dict, blank=True)
    role = models.TextField(choices=_choices(Role))
    policy_url = models.URLField(blank=True)
    optout_url = models.URLField(blank=True)
    sla_hours = models.PositiveSmallIntegerField(default=24)
    recipient_class = models.TextField(
        choices=_choices(RecipientClass), default=RecipientClass.SERVICE_PROVIDER
    )
    joint_use = models.ForeignKey(
        JointUse, on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )
    # A joint user's tags wait until its notice takes effect (APPI Art. 27(5)(iii)).
    effective_at = models.DateTimeField(null=True, blank=True)
    # [{"kind": "ga_client_id", "cookie": "_ga"}]: under what this partner knows a browser, and in
    # which cookie it keeps that; "" = the site hands it over.
    identifiers = models.JSONField(default=list, blank=True)
    # Entrustment (policy Article 3, APPI Art. 25): what was agreed, and when it is looked at again.
    contract_ref = models.TextField(blank=True, default="")
    contract_scope = models.JSONField(default=dict, blank=True)
    contract_review_on = models.DateField(null=True, blank=True)
    sub_processors = ArrayField(models.TextField(), default=list, blank=True)
    # How it was confirmed that people agreed to be recognised there (APPI Art. 31, Rule 26).
    confirmation = models.JSONField(default=dict, blank=True)
    # What people are told of a recipient abroad (APPI Art. 28, Rule 17(2)).
    foreign_basis = models.TextField(blank=True, default="", choices=_choices(ForeignBasis))
    foreign_system = models.JSONField(default=dict, blank=True)
    foreign_measures = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="partner_code_once"),
            _one_of("role", Role, "partner_role_known"),
            _one_of("recipient_class", RecipientClass, "partner_recipient_class_known"),
            models.CheckConstraint(
                condition=Q(foreign_basis__in=["", *ForeignBasis]),
                name="partner_foreign_basis_known",
            ),
            models.CheckConstraint(
                condition=Q(joint_use__isnull=True) | Q(role=Role.JOINT_USER),
                name="partner_in_joint_use_is_joint_user",
            ),
            models.CheckConstraint(condition=Q(sla_hours__gte=1), name="partner_sla_positive"),
            models.CheckConstraint(
                condition=models.Func(
                    "identifiers",
                    template=f"jsonb_path_match(%(expressions)s, '{IDENTIFIERS_PATH}')",
                    output_field=models.BooleanField(),
                ),
                name="partner_identifiers_whole",
                violation_error_message=(
                    "Write at most eight maps, each of a `kind` and a `cookie`."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.code}"


class Tag(models.Model):
    """A script, pixel, frame or server call that waits for the gate."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    code = models.SlugField(max_length=40)
    position = models.SmallIntegerField(default=0)
    status = models.TextField(choices=_choices(TagStatus), default=TagStatus.DRAFT)
    name = models.JSONField(default=dict)
    purposes = models.ManyToManyField(Purpose)
    required_items = models.ManyToManyField(DataItem, related_name="required_by")
    optional_items = models.ManyToManyField(DataItem, related_name="optional_for", blank=True)
    transport = models.TextField(choices=_choices(Transport), default=Transport.CLIENT)
    is_linkable = models.BooleanField(
        default=False,
        help_text="Its partner can be expected to know whose it is (APPI Art. 31).",
    )
    is_own_use = models.BooleanField(
        default=False,
        help_text="Its partner uses what it receives for itself: that is not processing for you.",
    )
    # Whose consent call the page makes for this tag; see data/vendors.json.
    vendor = models.TextField(choices=_choices(Vendor), default=Vendor.NONE)
    # Which paragraph exempts a strictly necessary tag, such as 22-2-30(1); empty = not exempt.
    exemption_code = models.TextField(blank=True, default="")
    optout_kind = models.TextField(choices=_choices(OptoutKind), default=OptoutKind.STOP_SENDING)
    optout_effect = models.JSONField(default=dict, blank=True)
    our_purpose = models.JSONField(default=dict)
    their_purpose = models.JSONField(default=dict)
    retention = models.JSONField(default=dict, blank=True)
    hosts = ArrayField(models.TextField(), default=list)
    # [{"name": "_ga", "lifetime_days": 730}]; a name may end with `*`.
    cookies = models.JSONField(default=list, blank=True)
    storage_keys = ArrayField(models.TextField(), default=list, blank=True)
    loader_url = models.TextField(blank=True, default="")
    # {"gender": "attr.gender"}: which field of an event carries which data item.
    payload_fields = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="tag_code_once"),
            _one_of("status", TagStatus, "tag_status_known"),
            _one_of("transport", Transport, "tag_transport_known"),
            _one_of("optout_kind", OptoutKind, "tag_optout_kind_known"),
            _one_of("vendor", Vendor, "tag_vendor_known"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id}/{self.code}"


class LawfulException(models.Model):
    """
    That a tag may send without consent, for a reason and for a time (policy Article 4).

    Append-only: a trigger lets nothing change but `ended_at`, once.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT)
    basis = models.TextField(choices=_choices(ExceptionBasis))
    # Somebody said so knowingly where the law has no such exception.
    is_without_law_accepted = models.BooleanField(default=False)
    approver = models.TextField()
    reason = models.TextField()
    approved_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            _one_of("basis", ExceptionBasis, "exception_basis_known"),
            models.CheckConstraint(
                condition=~Q(basis=ExceptionBasis.OUR_RIGHTS) | Q(is_without_law_accepted=True),
                name="exception_without_law_accepted",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="exception_has_reason"),
            models.CheckConstraint(condition=~Q(approver=""), name="exception_has_approver"),
            models.CheckConstraint(
                condition=Q(
                    expires_at__gt=models.F("approved_at"),
                    expires_at__lte=models.F("approved_at") + timedelta(days=MOST_EXCEPTION_DAYS),
                ),
                name="exception_ends_within_a_year",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("approved_at")),
                name="exception_ends_after_approval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} {self.basis}"


class KnownCookie(models.Model):
    """A row of the operator's copy of the Open Cookie Database: advice, it decides nothing."""

    source_id = models.TextField(unique=True)
    # Without its `*`; a wildcard is every name that begins so.
    name = models.TextField(db_index=True)
    is_wildcard = models.BooleanField(default=False)
    platform = models.TextField()
    nature = models.TextField(choices=_choices(Nature))
    description = models.TextField(blank=True, default="")
    retention = models.TextField(blank=True, default="")
    controller = models.TextField(blank=True, default="")
    policy_url = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            _one_of("nature", Nature, "known_cookie_nature_known"),
            models.CheckConstraint(condition=~Q(name=""), name="known_cookie_has_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name}{'*' if self.is_wildcard else ''} ({self.platform})"
