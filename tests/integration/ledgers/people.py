"""Who opens the ledgers in these tests."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client


def signed_in(role: str) -> Client:
    user, _ = User.objects.get_or_create(username=role, defaults={"is_staff": True})
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
