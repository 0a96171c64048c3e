"""People of the console, by their role or by what they may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client


def signed_in(role: str, name: str = "", **how: Any) -> Client:
    """Return the browser of somebody with this role, who has just signed in."""
    user = User.objects.create_user(name or role, password="a long password")
    user.groups.add(Group.objects.get(name=role))
    return _browser(user, **how)


def client_of(*permissions: str) -> Client:
    """Return the browser of somebody who may do this much, such as `insights.view_dailynumber`."""
    user = User.objects.create_user("somebody", password="a long password", is_staff=True)
    for name in permissions:
        app, _, codename = name.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return _browser(user)


def _browser(user: User, **how: Any) -> Client:
    client = Client(**how)
    client.force_login(user)
    return client
