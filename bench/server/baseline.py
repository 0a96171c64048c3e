"""
The bare views that ours are measured against: one Django file, DRF, one Redis GET or one INSERT.

Served like the product: granian WSGI, one worker, the same threads, the same PostgreSQL and Valkey.
"""

from __future__ import annotations

import hmac
import json
import os

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="baseline-only",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=["rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["BENCH_DATABASE"],
            "USER": os.environ["BENCH_USER"],
            "HOST": os.environ["BENCH_HOST"],
            "OPTIONS": {"pool": {"min_size": 8, "max_size": 12, "timeout": 10}},
        }
    },
    USE_TZ=True,
    LOGGING_CONFIG=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

import redis
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

store = redis.Redis.from_url(os.environ["BENCH_REDIS"])
STATE = {
    "device": "3c0d2f0e-0000-4000-8000-000000000001",
    "policy": 3,
    "decisions": {"necessary": True, "analytics": True, "ads": False, "personalise": False},
}
store.set("bench:device", json.dumps(STATE))
KEY = b"k" * 32


class RedisGet(APIView):
    def get(self, request: Request) -> Response:
        value = store.get("bench:device")
        return Response(json.loads(value) if value else None)


class Insert(APIView):
    def post(self, request: Request) -> Response:
        sent = request.data
        proof = hmac.digest(KEY, sent["device"].encode(), "sha256")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_consent (device, site, policy, decisions, proof, created) "
                "VALUES (%s, %s, %s, %s::smallint[], %s, now()) RETURNING id",
                [sent["device"], sent["site"], sent["policy"], sent["decisions"], proof],
            )
            key = cursor.fetchone()[0]
        return Response({"id": key}, status=201)


urlpatterns = [path("redis", RedisGet.as_view()), path("insert", Insert.as_view())]
application = get_wsgi_application()
