# The service's image: web, worker, beat and migrate are the same image with other commands.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS packages
COPY requirements/production.txt /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /build/production.txt

FROM ${PYTHON}
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin consent
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=consentmgr.settings \
    DATA_DIR=/run/consentmgr \
    TMPDIR=/run/consentmgr
WORKDIR /srv/consentmgr
COPY manage.py ./
COPY consentmgr ./consentmgr
COPY tracking ./tracking
COPY templates ./templates
COPY static/dist ./static/dist
COPY docker/healthcheck.py ./docker/
# Settings want values even where no server is asked; these live for this one command only.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    CONSENT_KEYS="build:$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    DATABASE_URL=postgresql:///unused REDIS_URL=redis://unused \
    TMPDIR= python manage.py collectstatic --no-input \
    && python -m compileall -q consentmgr tracking
USER 10001
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", \
     "10", "consentmgr.wsgi:application"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "docker/healthcheck.py", "web"]
