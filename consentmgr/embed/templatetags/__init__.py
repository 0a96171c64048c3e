"""Template tags of a site: `{% load consent %}`."""
