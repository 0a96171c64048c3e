"""The console's way from a draft to a notice, under /console/notices/."""

from django.urls import path

from tracking.publishing import views

app_name = "publishing"

urlpatterns = [
    path("", views.desk, name="desk"),
    path("<slug:site>/wording/", views.wording, name="wording"),
    path("<slug:site>/preview/<str:language>/", views.preview, name="preview"),
    path("<slug:site>/compare/<int:before>/<str:after>/", views.compare, name="compare"),
    path("<slug:site>/restore/<int:number>/", views.restore, name="restore"),
    path("<slug:site>/submit/", views.submit, name="submit"),
    path("<slug:site>/return/", views.give_back, name="return"),
    path("<slug:site>/discard/", views.discard, name="discard"),
    path("<slug:site>/reviewed/", views.reviewed, name="reviewed"),
    path("<slug:site>/publish/", views.publish, name="publish"),
]
