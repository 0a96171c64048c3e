"""Devices and the records of what they decided."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tracking.consents.types import AgeBand, DeviceClass, Method, Prior, Surface
from tracking.lib import bits
from tracking.notices.models import NoticeVersion
from tracking.registry.models import Site
from tracking.registry.types import IDENTIFIER_KIND


class ChoiceBits(models.Field):  # type: ignore[type-arg]
    """A set of choice numbers as `bit varying`: bit n from the left is number n."""

    def db_type(self, connection: Any) -> str:
        return "bit varying(1024)"

    def from_db_value(self, value: str | None, *_: object) -> frozenset[int] | None:
        return None if value is None else bits.unpack(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else bits.pack(value)


class Device(models.Model):
    """
    A browser on one site and its choices as they stand. Private: retention and erasure delete it.

    `version` counts decisions that took effect; `serial` counts the tokens issued for it. With
    `erased_at` the row only keeps the id from being used again, for partners have been told of its
    end; a trigger refuses to change it. `is_suspect`: nothing it decided came with a proof of being
    shown.
    """

    id = models.UUIDField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    version = models.BigIntegerField()
    serial = models.BigIntegerField()
    client_seq = models.BigIntegerField()
    granted = ChoiceBits()
    refused = ChoiceBits()
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    decided_at = models.DateTimeField()
    with_signal = models.BooleanField(default=False)
    last_record_key = models.UUIDField()
    erased_at = models.DateTimeField(null=True)
    is_suspect = models.BooleanField(db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(granted=frozenset(), refused=frozenset(), with_signal=False),
                name="device_erased_is_empty",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="device_version_positive"),
            models.CheckConstraint(condition=Q(serial__gte=1), name="device_serial_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} v{self.version}"


class ConsentRecord(models.Model):
    """
    The public part: append-only (a trigger refuses UPDATE and DELETE), partitioned by month, and
    without anything that links it to another record of the same device.

    `commitment` proves the private part as long as that is kept.
    """

    pk = models.CompositePrimaryKey("recorded_at", "key")
    key = models.UUIDField()
    recorded_at = models.DateTimeField()
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    granted = ChoiceBits()
    refused = ChoiceBits()
    withdrawn = ChoiceBits()
    method = models.TextField(choices=[(m.value, m.value) for m in Method])
    surface = models.TextField(choices=[(s.value, s.value) for s in Surface])
    prior = models.TextField(choices=[(p.value, p.value) for p in Prior])
    regime = models.TextField()
    country_group = models.TextField()
    country_method = models.TextField()
    language = models.TextField()
    device_class = models.TextField(choices=[(d.value, d.value) for d in DeviceClass])
    variant = models.TextField(default="")
    # How the notice was presented, and the kind of place the visitor had come from; "" = not said.
    presentation = models.TextField(default="")
    referrer_class = models.TextField(default="")
    with_signal = models.BooleanField(default=False)
    is_superseded = models.BooleanField(default=False)
    is_suspect = models.BooleanField(default=False)
    commitment = models.BinaryField()

    class Meta:
        managed = False  # Django cannot say PARTITION BY: see migration 0002
        db_table = "consents_consentrecord"

    def __str__(self) -> str:
        return str(self.key)


class Uncounted(models.Model):
    """
    A record that statistics have not counted yet, and what its device had granted before, since
    when. Counting deletes it: records that commit late are missed by nobody.
    """

    record_key = models.UUIDField(primary_key=True)
    recorded_at = models.DateTimeField()
    held = ChoiceBits(null=True)
    held_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.record_key)


class SpentImpression(models.Model):
    """
    A proof of being shown that came with a decision; it is good for one. Names neither.

    Forgotten after two days, when it has long expired.
    """

    nonce = models.BinaryField(primary_key=True)
    spent_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["spent_at"], name="spent_by_age")]

    def __str__(self) -> str:
        return str(self.spent_at)


class ConsentPrivate(models.Model):
    """The private part, and the only table of evidence with DELETE: erasure removes this row."""

    record_key = models.UUIDField(primary_key=True)
    recorded_at = models.DateTimeField()
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    device = models.ForeignKey(Device, on_delete=models.PROTECT)
    version = models.BigIntegerField()
    salt = models.BinaryField()
    previous_key = models.UUIDField(null=True)
    external_id = models.TextField(null=True)  # noqa: DJ001  # null = not linked, "" would be a member
    idempotency_key = models.TextField()
    client_seq = models.BigIntegerField()
    age_band = models.TextField(  # noqa: DJ001  # null = not said
        null=True, choices=[(band.value, band.value) for band in AgeBand]
    )
    guardian_consent = models.BooleanField(db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "idempotency_key"], name="decision_recorded_once"
            ),
            models.CheckConstraint(
                condition=Q(age_band__isnull=True) | Q(age_band__in=list(AgeBand)),
                name="private_age_band_known",
            ),
            models.CheckConstraint(
                condition=Q(guardian_consent=False)
                | Q(age_band__isnull=False) & ~Q(age_band=AgeBand.ADULT),
                name="private_guardian_of_a_child",
            ),
        ]
        indexes = [models.Index(fields=["device", "-recorded_at"], name="private_by_device")]

    def __str__(self) -> str:
        return str(self.record_key)


class Identifier(models.Model):
    """
    Under what a partner knows a device, sealed; kept only while that partner may receive something.

    Django's own foreign key is not made: the one in migration 0003 deletes these with their device.
    """

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    partner = models.TextField()
    kind = models.TextField()
    sealed = models.BinaryField()
    collected_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "partner", "kind"], name="identifier_once"),
            models.CheckConstraint(
                condition=Q(kind__regex=f"^{IDENTIFIER_KIND}$"), name="identifier_kind_known"
            ),
            models.CheckConstraint(condition=~Q(partner=""), name="identifier_has_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.partner} {self.kind}"


class Erasure(models.Model):
    """
    How far partners are with an erasure, for whoever holds the key; deleted when that is over.

    `told` is a list of {"partner", "subject", "legal_name"}; no device and no record is named.
    `version` is that of the news, `seq` the number of the withdrawal that came before them.
    """

    key = models.UUIDField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    idempotency_key = models.TextField()
    erased_at = models.DateTimeField()
    version = models.BigIntegerField()
    seq = models.BigIntegerField()
    told = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "idempotency_key"], name="erasure_once"),
        ]
        indexes = [models.Index(fields=["erased_at"], name="erasure_by_age")]

    def __str__(self) -> str:
        return str(self.key)


class KeptProvision(models.Model):
    """
    What an erased device's recipients could receive, by days: three years (APPI Rules 21, 29).

    Neither device nor record nor time is in it, and the key is random. A trigger refuses every
    change, and to delete a row before its three years are over or without saying why.
    """

    key = models.UUIDField(primary_key=True, default=uuid4)
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    # The version that names recipient and items, and the number of the one that was agreed to.
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    agreed_on = models.PositiveIntegerField()
    partner = models.TextField()
    items = ArrayField(models.TextField())
    tags = ArrayField(models.TextField())
    first_day = models.DateField()
    last_day = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=models.F("first_day")), name="kept_days_in_order"
            ),
            models.CheckConstraint(
                condition=~Q(partner="") & ~Q(items=[]) & ~Q(tags=[]), name="kept_says_what_to_whom"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "partner", "first_day"], name="kept_by_partner"),
            models.Index(fields=["last_day"], name="kept_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.partner} {self.first_day} {self.last_day}"
