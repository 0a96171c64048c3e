"""Keep ways to ask that are compared, and what each of a started comparison shows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0005_reviews"),
        ("registry", "0011_known_cookies"),
    ]

    operations = [
        migrations.CreateModel(
            name="Experiment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=40)),
                ("name", models.TextField()),
                ("hypothesis", models.TextField(default="")),
                ("purpose", models.TextField()),
                ("days", models.PositiveSmallIntegerField()),
                ("difference", models.FloatField()),
                ("draft", models.JSONField(default=list)),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("draft", "draft"),
                            ("running", "running"),
                            ("stopped", "stopped"),
                            ("promoted", "promoted"),
                        ],
                        default="draft",
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=1)),
                ("author", models.TextField()),
                ("saved_at", models.DateTimeField()),
                ("started_by", models.TextField(default="")),
                ("started_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("stopped_by", models.TextField(default="")),
                ("stopped_at", models.DateTimeField(null=True)),
                (
                    "ending",
                    models.TextField(
                        choices=[
                            ("stopped", "stopped"),
                            ("days_over", "days_over"),
                            ("republished", "republished"),
                        ],
                        default="",
                    ),
                ),
                ("promoted_arm", models.TextField(default="")),
                (
                    "notice",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="notices.noticeversion",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Arm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.TextField(choices=[("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")]),
                ),
                ("share", models.PositiveSmallIntegerField()),
                ("wording", models.JSONField(default=dict)),
                (
                    "presentation",
                    models.TextField(
                        blank=True,
                        choices=[("bar", "bar"), ("card", "card"), ("dialog", "dialog")],
                        default="",
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="experiments.experiment"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.UniqueConstraint(
                fields=("site", "code"), name="experiment_code_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stage", "running")),
                fields=("site",),
                name="experiment_one_runs",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__gte", 7)), name="experiment_whole_weekdays"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ends_at", None),
                        ("notice", None),
                        ("stage", "draft"),
                        ("started_at", None),
                    ),
                    models.Q(
                        ("ends_at__gt", models.F("started_at")),
                        ("notice__isnull", False),
                        (
                            "stage__in",
                            [
                                "running",
                                "stopped",
                                "promoted",
                            ],
                        ),
                        ("started_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="experiment_started_has_notice",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ending", ""),
                        ("stage__in", ["draft", "running"]),
                        ("stopped_at", None),
                    ),
                    models.Q(
                        (
                            "ending__in",
                            [
                                "stopped",
                                "days_over",
                                "republished",
                            ],
                        ),
                        (
                            "stage__in",
                            [
                                "stopped",
                                "promoted",
                            ],
                        ),
                        ("stopped_at__gte", models.F("started_at")),
                    ),
                    _connector="OR",
                ),
                name="experiment_stopped_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("promoted_arm__in", ("a", "b", "c", "d")),
                        ("stage", "promoted"),
                    ),
                    models.Q(
                        models.Q(("stage", "promoted"), _negated=True),
                        ("promoted_arm", ""),
                    ),
                    _connector="OR",
                ),
                name="experiment_promoted_an_arm",
            ),
        ),
        migrations.AddConstraint(
            model_name="arm",
            constraint=models.UniqueConstraint(fields=("experiment", "code"), name="arm_code_once"),
        ),
        migrations.AddConstraint(
            model_name="arm",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__in", ("a", "b", "c", "d"))), name="arm_code_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="arm",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gte", 1), ("share__lte", 99)),
                name="arm_share_in_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="arm",
            constraint=models.CheckConstraint(
                condition=models.Q(("presentation__in", ["", "bar", "card", "dialog"])),
                name="arm_presentation_known",
            ),
        ),
    ]
