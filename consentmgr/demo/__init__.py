"""The demo: a small shop, its declared partners, and receivers that play these partners."""
