"""The one-machine default: set-up, bundled servers and all processes behind `manage.py up`."""
