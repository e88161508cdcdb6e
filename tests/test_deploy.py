"""What `deploy/` names exists: settings, services, volumes, files, versions; the unit is one that systemd takes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatbot.cli import cli
from chatbot.settings import ENV_PREFIX, load_settings

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
UNIT = (DEPLOY / "frontdesk.service").read_text(encoding="utf-8")
CADDY = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
FILLED_IN = {"FRONTDESK_HOST_NAME": "chat.example.com", "POSTGRES_PASSWORD": "secret"}


def interpolated(text: str) -> str:
    """As compose does it: what must be set is, what may be has its default."""

    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        if name in FILLED_IN:
            return FILLED_IN[name]
        assert kind == "-", f"{name} has no default and is not in env.example"
        return str(default)

    return VARIABLE.sub(value, text)


def settings_of(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        if name.startswith(ENV_PREFIX):
            monkeypatch.setenv(name, interpolated(value))
    return load_settings()


def test_the_settings_of_the_containers_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = dict(re.findall(r"(FRONTDESK_\w+)=(\S+)", DOCKERFILE))
    app = COMPOSE["services"]["app"]["environment"]
    settings = settings_of({**image, **app}, monkeypatch, tmp_path)
    assert settings.database_address == "postgresql://frontdesk:secret@postgres/frontdesk"
    assert settings.web.public_url == "https://chat.example.com"
    assert settings.web.trusted_proxies == 1
    services = {host: COMPOSE["services"][host] for host in ("postgres", "chroma", "vllm")}
    for address in (settings.knowledge_base.chroma_url, settings.openai_base_url):
        assert re.fullmatch(rf"http://({'|'.join(services)}):8000(/v1)?", address)
    mounted = {volume.split(":")[1] for volume in COMPOSE["services"]["app"]["volumes"]}
    assert mounted == {str(settings.data_dir), str(settings.models_path)}
    assert f"EXPOSE {settings.port}" in DOCKERFILE
    assert f"port {settings.port}" in CADDY


def test_the_settings_of_the_unit_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables = dict(line.split("=", 1) for line in re.findall(r"^Environment=(.*)$", UNIT, re.M))
    settings = settings_of(variables, monkeypatch, tmp_path)
    assert str(settings.data_dir) == "/var/lib/frontdesk"
    assert "StateDirectory=frontdesk" in UNIT


def test_every_service_and_volume_that_is_named_is_there() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), volume
    for dependency, how in services["app"]["depends_on"].items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in services[dependency]
    assert [name for name, service in services.items() if "gpu" in service.get("profiles", ())] == ["vllm"]
    assert "dynamic a {\n\t\t\tname app\n" in CADDY
    used = {name for name, _, _ in VARIABLE.findall((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))}
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.M)) <= used
    assert set(FILLED_IN) <= used


def test_images_have_versions_and_chroma_has_the_client_s() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items() if name != "app"}
    assert all(re.search(r":v?\d", image) for image in images.values()), images
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    assert images["chroma"] == f"chromadb/chroma:{pinned['chromadb']}"


def test_the_image_copies_what_there_is_and_runs_without_rights() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M):
        for source in shlex.split(line)[:-1]:
            assert (ROOT / source).exists(), source
            assert source not in ignored
    assert all((ROOT / name).is_dir() for name in ("chatbot", "knowledge_base", "finetune"))
    packages = re.search(r"include = \[(.*)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert packages
    for package in re.findall(r'"(\w+)\*"', packages[1]):
        assert f"COPY {package} {package}\n" in DOCKERFILE
    users = re.findall(r"^USER (\w+)$", DOCKERFILE, re.M)
    assert users == ["frontdesk"]
    assert DOCKERFILE.index("USER frontdesk") < DOCKERFILE.index("ENTRYPOINT")
    assert "urlopen('http://127.0.0.1:7860/healthz'" in DOCKERFILE


def test_streams_pass_the_proxy_at_once() -> None:
    whole = re.search(r"@whole not path (.*)", CADDY)
    assert whole
    assert "/api/v1/conversations/*/events" in whole[1].split()
    assert "/v1/chat/completions" in whole[1].split()
    assert "encode @whole" in CADDY
    assert "flush_interval -1" in CADDY
    assert "header_up X-Forwarded-For {remote_host}" in CADDY


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "frontdesk.service"
    unit.write_text(
        UNIT.replace("/opt/frontdesk/.venv/bin/frontdesk", "/bin/true").replace("User=frontdesk", "User=root")
    )
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=120)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []


def test_the_guide_names_files_and_commands_that_exist() -> None:
    for name in re.findall(r"deploy/([\w.-]+)", GUIDE):
        assert (DEPLOY / name).exists() or name == ".env", name
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / link).exists(), link
    known = (
        {c.name or c.callback.__name__ for c in cli.registered_commands if c.callback}
        | {g.name for g in cli.registered_groups}
        | {"finetune"}
    )
    for command in re.findall(r"`frontdesk (\w+)", GUIDE):
        assert command in known, command
    for name in re.findall(r"FRONTDESK_[A-Z_]+", GUIDE):
        assert name.rstrip("_") in {*_every_variable(), "FRONTDESK"}, name


def _every_variable() -> set[str]:
    from chatbot.settings_table import settings_table

    return set(re.findall(r"`(FRONTDESK_\w+)`", settings_table()))
