"""The ledgers of the console, under /console/ledgers/."""

from django.urls import path

from tracking.ledgers import views

app_name = "ledgers"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("<slug:site>/exceptions/", views.approve, name="approve"),
    path("<slug:site>/exceptions/<int:exception_id>/end/", views.end, name="end"),
    path("<slug:site>/export/", views.export, name="export"),
    path("<slug:site>/receipt/", views.receipt, name="receipt"),
]
