from django.urls import path

from tracking.banner import api

script_urlpatterns = [
    path("<slug:site>.js", api.script, name="banner-script"),
    path("<slug:name>/<slug:digest>.js", api.fixed, name="banner-fixed"),
]
urlpatterns = [path("bootstrap", api.Bootstrap.as_view())]
