"""All settings of the service, read from the environment (see `env.py` and the README)."""

from __future__ import annotations

import sys
from pathlib import Path

from consentmgr import env
from consentmgr.postgres.watch import WatchedConnection

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", default=str(BASE_DIR / ".data")))

SECRET_KEY = env.text("SECRET_KEY")
CONSENT_KEYS = env.keys("CONSENT_KEYS")
DEBUG = env.flag("DEBUG", default=False)
DEMO = env.flag("DEMO", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default="localhost,127.0.0.1")
TRUSTED_COUNTRY_HEADER = env.text("TRUSTED_COUNTRY_HEADER", default="")
TRUSTED_REGION_HEADER = env.text("TRUSTED_REGION_HEADER", default="")
COUNTRY_DATABASE = env.country_database("COUNTRY_DATABASE")
TRUSTED_PROXY_HOPS = env.number("TRUSTED_PROXY_HOPS", default=0, most=10)
FLOOD_LIMIT = env.number("FLOOD_LIMIT", default=600, most=1_000_000)
ALLOW_LOOPBACK_PARTNERS = env.flag("ALLOW_LOOPBACK_PARTNERS", default=False)
METRICS_TOKEN = env.text("METRICS_TOKEN", default="")

INSTALLED_APPS = [
    "consentmgr.apps.ConsentmgrConfig",
    "tracking.outbox",
    "tracking.audit",
    "tracking.registry",
    "tracking.access",
    "tracking.scans",
    "tracking.notices",
    "tracking.experiments",
    "tracking.consents",
    "tracking.gate",
    "tracking.delivery",
    "tracking.insights",
    "tracking.banner",
    "tracking.scanner",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    *(["consentmgr.demo", "consentmgr.embed"] if DEMO else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "consentmgr.middleware.cross_origin",
    "consentmgr.middleware.content_security_policy",
    "consentmgr.middleware.Sessions",
    "consentmgr.middleware.Common",
    "consentmgr.middleware.FormTokens",
    "consentmgr.middleware.Authentication",
    "consentmgr.middleware.Messages",
    "consentmgr.middleware.Frames",
]

ROOT_URLCONF = "consentmgr.urls"
WSGI_APPLICATION = "consentmgr.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

_database = env.database("DATABASE_URL")
# The role of the running service; where another role owns the tables, that one migrates.
APP_ROLE = _database["USER"]
if sys.argv[1:2] == ["migrate"]:
    _database = env.database("DATABASE_OWNER_URL", default=env.text("DATABASE_URL"))
_database["ENGINE"] = "consentmgr.postgres"
_database["OPTIONS"] = {
    **_database["OPTIONS"],  # type: ignore[dict-item]
    # A short wait: with the database away the browser keeps the decision and asks again.
    "pool": {
        "min_size": 2,
        "max_size": 12,
        "timeout": 2,
        "connection_class": WatchedConnection,
    },
    "connect_timeout": "2",
    # Only what asks for it is prepared (`tracking.lib.prepared`); with Django's None nothing is.
    "prepare_threshold": 1_000_000,
}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A dead Redis must cost a moment, not ten seconds: nothing that decides depends on it.
        "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
    }
}

# The task that carries what the outbox holds; the outbox itself knows only this name.
OUTBOX_HINT_TASK = "tracking.delivery.tasks.drain"

_mail_server = env.mail_server("EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = _mail_server.host, _mail_server.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail_server.user, _mail_server.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail_server.is_starttls, _mail_server.is_tls
# As long as any other call to a partner may take.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", default="")

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [("consentmgr", BASE_DIR / "static" / "dist")]
# Files are served from where they lie: nothing to collect, nothing to forget.
WHITENOISE_USE_FINDERS = True

LOGIN_URL = "/console/sign-in/"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = "/console/sign-in/"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# A notice is published by somebody else than who submitted it.
NOTICE_REVIEW_BY_ANOTHER = env.flag("NOTICE_REVIEW_BY_ANOTHER", default=False)
COOKIE_SECURE = env.flag("COOKIE_SECURE", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = COOKIE_SECURE
SESSION_COOKIE_NAME = "cm_console"
CSRF_COOKIE_NAME = "cm_form"
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_HSTS_SECONDS = 31_536_000 if COOKIE_SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if COOKIE_SECURE else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

REST_FRAMEWORK = {
    "DEFAULT_PARSER_CLASSES": ["tracking.web.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "consentmgr.schema.RoomSchema",
    "EXCEPTION_HANDLER": "consentmgr.exception_handler.handle",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Consent Manager",
    "DESCRIPTION": "Records consent per device, gates tags, carries revocations to partners.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/v1",
    "ENUM_NAME_OVERRIDES": {"DecisionSurface": "tracking.consents.api.SURFACES"},
}

if DEMO:
    # What a customer's site sets: the demo shop is one.
    from consentmgr.demo.places import SITE, get_places

    CONSENT_MANAGER = {"url": get_places().shop, "site": SITE}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", default="INFO")},
    # A bad request is the visitor's matter; it must not fill the log with their input.
    "loggers": {"django.request": {"level": "ERROR"}},
}
