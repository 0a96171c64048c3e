from django.urls import path

from tracking.preferences import listing_views, views
from tracking.preferences.types import Listing

app_name = "preferences"

urlpatterns = [
    path(".well-known/gpc.json", views.signal_statement, name="signal-statement"),
    path(
        ".well-known/external-transmission.json", views.transmission_copy, name="transmission-copy"
    ),
    path("preferences/<slug:site>/", views.preferences, name="page"),
    path("preferences/<slug:site>/erasure/", views.erasure, name="erasure"),
    path("first-layer/<slug:site>.css", views.first_layer_frame, name="first-layer-frame"),
    path("first-layer/<slug:site>/", views.first_layer, name="first-layer"),
    path("look/<slug:site>/<int:notice>.css", views.look, name="look"),
    path("external-transmission/<slug:site>/", views.transmission, name="transmission"),
    path(
        "external-transmission/<slug:site>.html",
        listing_views.transmission_fragment,
        name="transmission-fragment",
    ),
    # /cookies/shop/ is the page, /cookies/shop.html a part for the site's own page, .json a copy.
    *(
        path(
            f"{listing}/<slug:site>{ending}",
            view,
            {"listing": listing},
            name=f"{listing}{name}",
        )
        for listing in Listing
        for ending, view, name in (
            ("/", listing_views.listing, ""),
            (".html", listing_views.listing_fragment, "-fragment"),
            (".json", listing_views.listing_copy, "-copy"),
        )
    ),
]
