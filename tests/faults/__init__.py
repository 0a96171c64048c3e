"""Faults under load: kill, cut and restart the parts, then count what every partner was told."""
