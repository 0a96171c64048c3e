#!/bin/bash
# Runs once, when the database's volume is new: the two roles that `manage.py up` makes as well.
# consent_owner owns and migrates the tables; consent_app serves and can neither alter them nor
# change evidence (`migrate` grants it what it needs).
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
     --set=owner_password="$OWNER_PASSWORD" --set=app_password="$APP_PASSWORD" <<'SQL'
CREATE ROLE consent_owner LOGIN NOSUPERUSER PASSWORD :'owner_password';
CREATE ROLE consent_app LOGIN NOSUPERUSER PASSWORD :'app_password';
CREATE DATABASE consentmgr OWNER consent_owner;
SQL
