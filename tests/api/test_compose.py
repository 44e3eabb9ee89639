"""docker-compose.yml, without Docker: what it gives to the program is what the program accepts."""

import ipaddress
import os
import shutil
import subprocess
import urllib.parse

import pytest
import yaml

from support.client import eventually
from support.deployed import (
    faults_of_settings,
    hosts_of_secrets,
    make_secrets,
    named_secrets,
    targets_of_kong,
)
from support.program import ROOT, SERVICES, free_port

pytestmark = pytest.mark.shape("sqlite")  # no server runs here: once is enough

FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
CONTAINERS = COMPOSE["services"]
FULL = {name: one for name, one in CONTAINERS.items() if one["profiles"] == ["full"]}
OURS = {name: one for name, one in CONTAINERS.items() if one["image"] == "guildhall"}
RUNNING = {name: one for name, one in CONTAINERS.items() if "restart" in one}


def environment(name):
    return dict(CONTAINERS[name].get("environment", {}))


def serving():
    """The containers that serve, by service of Guildhall."""
    found = {}
    for name in OURS.keys() & FULL.keys() & RUNNING.keys():
        found.setdefault(environment(name)["GUILDHALL_SERVICES_RUN"], set()).add(name)
    return found


def test_compose_1_29_accepts_the_file():
    docker_compose = shutil.which("docker-compose")
    assert docker_compose, "docker-compose is not installed"
    done = subprocess.run(
        [docker_compose, "-f", FILE, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_service_of_the_table_runs_and_post_twice():
    assert serving().keys() == set(SERVICES)
    assert {service: len(names) for service, names in serving().items() if len(names) > 1} == {"post": 2}


def test_without_a_profile_everything_starts_except_the_small_one():
    assert (ROOT / ".env").read_text().splitlines()[-1] == "COMPOSE_PROFILES=full"
    assert CONTAINERS.keys() - FULL.keys() == {"small"}
    assert CONTAINERS["small"]["profiles"] == ["small"] and "depends_on" not in CONTAINERS["small"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_program_accepts_what_each_container_gives_it(name, tmp_path):
    secrets = make_secrets(tmp_path / "secrets")
    if "secrets:/run/secrets/guildhall:ro" not in CONTAINERS[name].get("volumes", []):
        (secrets / "guildhall.toml").write_text("")
    assert faults_of_settings(environment(name), secrets, tmp_path / "data") == []


def test_an_unknown_variable_is_found(tmp_path):
    secrets = make_secrets(tmp_path / "secrets")
    wrong = environment("user") | {"GUILDHALL_HTTP_LISTN": "0.0.0.0:8080"}
    assert "unknown: GUILDHALL_HTTP_LISTN" in faults_of_settings(wrong, secrets, tmp_path)


def test_secrets_are_made_and_not_written(tmp_path):
    """The file holds no secret, and each file that it names is one that is made."""
    made = {path.name for path in make_secrets(tmp_path / "secrets").iterdir()}
    named = named_secrets(FILE.read_text())
    assert "guildhall.toml" in named and named <= made
    for name, one in CONTAINERS.items():
        for key, value in one.get("environment", {}).items():
            is_file = str(value).startswith("/run/secrets/")
            assert is_file or not any(word in key for word in ("PASS", "SECRET", "AUTH", "DSN")), (name, key)
        if named_secrets(str(one)):
            mode = "" if name == "secrets" else ":ro"
            assert f"secrets:/run/secrets/guildhall{mode}" in one["volumes"], name


def test_secrets_differ_each_time_and_are_kept(tmp_path):
    first, second = make_secrets(tmp_path / "a"), make_secrets(tmp_path / "b")
    texts = [{path.name: path.read_text() for path in folder.iterdir()} for folder in (first, second)]
    assert all(texts[0][name] != texts[1][name] for name in texts[0])
    make_secrets(first)
    assert {path.name: path.read_text() for path in first.iterdir()} == texts[0]


def test_redis_starts_with_its_command_and_wants_the_password(tmp_path):
    """The command and the health check of the container, with the Redis that is installed here."""
    secrets = make_secrets(tmp_path / "secrets")
    port = free_port()
    redis = CONTAINERS["redis"]

    def here(text):
        return text.replace("/run/secrets/guildhall", str(secrets)).replace("$$", "$")

    command = [*map(here, redis["command"]), "--port", str(port)]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        check = here(redis["healthcheck"]["test"][1]).replace("redis-cli ", f"redis-cli -p {port} ")
        eventually(lambda: subprocess.run(["sh", "-c", check], capture_output=True).returncode == 0)
        stranger = subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, text=True)
        assert "NOAUTH" in stranger.stdout
    finally:
        server.terminate()
        server.wait(10)


def test_each_host_that_is_named_is_a_container_on_the_same_network(tmp_path):
    hosts = hosts_of_secrets(make_secrets(tmp_path / "secrets"))
    assert hosts == {"postgres", "postgres-standby", "redis", "rabbitmq", "neo4j"}
    for service, names in serving().items():
        variable = f"GUILDHALL_SERVICES_{service.upper()}_URL"
        for name in OURS.keys() & FULL.keys():
            urls = environment(name).get(variable)
            assert urls is None or set(urls.split(",")) == {f"http://{host}:8080" for host in names}
        for name in names:
            for host in hosts:
                assert {*CONTAINERS[name]["networks"]} & {*CONTAINERS[host]["networks"]}, (name, host)


def test_kong_reaches_each_process_that_serves():
    words = CONTAINERS["gateway-config"]["entrypoint"][-1].split("guildhall ")[1].split(" >")[0].split()
    targets = targets_of_kong(words, environment("gateway-config"))
    assert targets == {service: sorted(f"{name}:8080" for name in names) for service, names in serving().items()}
    kong = CONTAINERS["kong"]
    for names in serving().values():
        for name in names:
            assert {*kong["networks"]} & {*CONTAINERS[name]["networks"]}
            assert kong["depends_on"][name] == {"condition": "service_healthy"}


def test_the_services_believe_kong_and_nobody_else_who_the_client_is():
    address = CONTAINERS["kong"]["networks"]["edge"]["ipv4_address"]
    (network,) = COMPOSE["networks"]["edge"]["ipam"]["config"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(network["subnet"])
    assert ipaddress.ip_address(address) not in ipaddress.ip_network(network["ip_range"]), "Docker gives it to others"
    for names in serving().values():
        for name in names:
            assert environment(name)["GUILDHALL_HTTP_TRUSTED_PROXIES"] == address


def test_mails_go_to_the_mail_catcher():
    mail = urllib.parse.urlsplit(environment("user")["GUILDHALL_MAIL_URL"])
    assert (mail.scheme, mail.port) == ("smtp", 1025), "where Mailpit listens"
    assert {*CONTAINERS["user"]["networks"]} & {*CONTAINERS[mail.hostname]["networks"]}


def test_only_this_machine_reaches_a_port():
    published = {name: one["ports"] for name, one in CONTAINERS.items() if "ports" in one}
    assert published.keys() >= {"kong", "small"}
    assert not published.keys() & {"postgres", "postgres-standby", "redis", "rabbitmq", "neo4j"}
    assert not published.keys() & set().union(*serving().values())
    for name, ports in published.items():
        assert all(port.startswith("127.0.0.1:") for port in ports), name


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_each_container_is_bounded_and_watched(name):
    one = CONTAINERS[name]
    assert "no-new-privileges:true" in one["security_opt"]
    assert one["logging"]["options"]["max-size"]
    if name in OURS:
        assert one["read_only"] and one["cap_drop"] == ["ALL"]
    if name in RUNNING:
        assert {"mem_limit", "cpus"} <= one.keys()
        assert name in OURS or "test" in one["healthcheck"], "our image has a check of its own"
    else:
        assert one["healthcheck"] == {"disable": True}, "it runs once"
    for other, wanted in one.get("depends_on", {}).items():
        ends = "service_healthy" if other in RUNNING else "service_completed_successfully"
        assert wanted == {"condition": ends}, (name, other)


def test_what_has_to_last_is_in_a_volume_of_a_name():
    mounts = [mount for one in CONTAINERS.values() for mount in one.get("volumes", [])]
    names = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert names == set(COMPOSE["volumes"])
    for mount in mounts:
        if mount.startswith("./"):
            path = ROOT / mount.split(":")[0]
            assert path.exists() and mount.endswith(":ro")
            assert os.access(path, os.X_OK) or path.suffix != ".sh"
