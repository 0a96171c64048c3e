"""
Puts Consent Manager on the pages of a Django site.

The site's own half: it needs nothing but Django, so install it or copy this folder.
"""
