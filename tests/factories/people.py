"""People of the console, by their role."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client


def signed_in(role: str, name: str = "") -> Client:
    """Return the browser of somebody with this role, who has just signed in."""
    user = User.objects.create_user(name or role, password="a long password")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
