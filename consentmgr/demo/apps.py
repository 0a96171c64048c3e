"""Installed only where DEMO is on."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "consentmgr.demo"
    label = "demo"
