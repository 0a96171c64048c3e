"""Serializers that refuse what they do not know."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that names every key it was not told about, instead of dropping it."""

    @classmethod
    def read(cls, data: object) -> dict[str, Any]:
        """
        Return the checked values.

        All requests share one instance, which checking does not change: building a serializer's
        fields costs more than checking with them.

        :raises ValidationError: naming each field that is missing, wrong or not known
        """
        values: dict[str, Any] = _shared(cls).run_validation(data)
        return values

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {str(key)[:80]: ["This field is not known here."] for key in unknown[:10]}
                )
        return super().to_internal_value(data)


@cache
def _shared(serializer: type[StrictSerializer]) -> StrictSerializer:
    return serializer()


class StrictBoolean(serializers.BooleanField):
    """`true` or `false`; "yes", 1 and their kind are no answer to a question about consent."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictInteger(serializers.IntegerField):
    """A JSON integer; numbers in quotes and with fractions are refused."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    """A JSON string; numbers are not turned into text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def code(**kwargs: Any) -> StrictText:
    """Return a field for a code such as a site's, a tag's or a purpose's."""
    return StrictText(max_length=64, trim_whitespace=False, **kwargs)


def answers() -> serializers.DictField:
    """Return a field for a map from code to granted (true) or refused (false)."""
    return serializers.DictField(child=StrictBoolean(), required=False, default=dict)


def millisecond_counter() -> StrictInteger:
    """Return a field for a counter that starts at the epoch in milliseconds."""
    return StrictInteger(min_value=0, max_value=2**53 - 1)


def variant() -> StrictText:
    """Return a field for the arm of an experiment; "" = none runs."""
    return StrictText(
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        validators=[RegexValidator("^[a-z0-9:_-]{0,64}$")],
        help_text="The arm of the experiment that this browser is in.",
    )


def referrer() -> StrictText:
    """Return a field for the host of the page before; None = not said."""
    return StrictText(
        required=False,
        default=None,
        allow_blank=True,
        max_length=253,
        trim_whitespace=False,
        help_text='The host of the page before, "" if there was none. Only its kind is kept.',
    )
