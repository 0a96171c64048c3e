from django.urls import path

from consentmgr.demo import views

app_name = "demo"


def _in(language: str, prefix: str) -> list[object]:
    about = {"language": language}
    return [
        path(prefix, views.home, about, name=f"home-{language}"),
        path(f"{prefix}items/<slug:code>/", views.item, about, name=f"item-{language}"),
        path(f"{prefix}journal/", views.article, about, name=f"article-{language}"),
        path(f"{prefix}order/", views.order, about, name=f"order-{language}"),
    ]


urlpatterns = [*_in("en", "en/"), *_in("ja", "")]
