"""The alerts and dashboards in deploy/: the rules do what their tests say, and the metrics that they name exist."""

import json
import re
import shutil
import subprocess

import httpx
import pytest
import yaml

from support.program import ROOT

FOLDER = ROOT / "deploy/prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
# Prometheus makes these of a histogram.
PARTS = re.compile(r"_(bucket|count|sum)$")


def queries():
    """Each query with where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]


def names_in(query):
    return {PARTS.sub("", name) for name in re.findall(r"\bguildhall_\w+", query)}


def promtool(*arguments):
    program = shutil.which("promtool")
    assert program, "promtool is not installed"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.shape("sqlite")  # no server runs here: once is enough
def test_prometheus_accepts_its_configuration():
    done = promtool("check", "config", FOLDER / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.shape("sqlite")
def test_the_rules_do_what_their_tests_say():
    """[X17] Each alert fires when something is wrong, and does not when nothing is."""
    done = promtool("test", "rules", FOLDER / "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    for is_firing in (False, True):
        tested = {
            one["alertname"] for test in tests for one in test["alert_rule_test"] if ("exp_alerts" in one) == is_firing
        }
        assert tested == {rule["alert"] for rule in RULES}


@pytest.mark.shape("sqlite")
def test_prometheus_asks_each_process_that_serves():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    serving = {
        f"{name}:8080" for name, one in compose.items() if "GUILDHALL_SERVICES_RUN" in one.get("environment", {})
    }
    (scraped,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert {target for some in scraped["static_configs"] for target in some["targets"]} == serving


@pytest.mark.shape("sqlite")
def test_the_dashboards_have_their_source():
    (source,) = yaml.safe_load((ROOT / "deploy/grafana/datasources.yml").read_text())["datasources"]
    assert DASHBOARDS
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
        for panel in dashboard["panels"]:
            for part in (panel, *panel["targets"]):
                assert part["datasource"] == {"type": source["type"], "uid": source["uid"]}


@pytest.mark.shape("services")
def test_each_metric_that_is_named_is_exported(server, service, ada, bela):
    """[X17] By some process of a running installation on all engines, after a little traffic."""
    ada.connect(bela)
    ada.post("/v1/posts", {"text": "counted"}, status=201)
    bela.get("/v1/feed")
    exported = set()
    for urls in server.shape.urls(server).values():
        for url in urls:
            exported |= set(re.findall(r"^# TYPE (\w+)", httpx.get(url + "/metrics").text, re.MULTILINE))
    missing = {name: where for where, query in queries() for name in names_in(query) - exported}
    assert missing == {}
