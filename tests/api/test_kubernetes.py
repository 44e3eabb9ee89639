"""The manifests in k8s/, without a cluster: their form, and that what they name fits together and fits the program."""

import kubernetes_validate
import pytest
import yaml

from support.deployed import (
    SECRETS,
    command,
    faults_of_settings,
    hosts_of_secrets,
    make_secrets,
    named_secrets,
    targets_of_kong,
)
from support.program import ROOT, SERVICES

pytestmark = pytest.mark.shape("sqlite")  # no server runs here: once is enough

KUBERNETES = "1.32"
FILES = sorted((ROOT / "k8s").iterdir())
OBJECTS = [document for file in FILES for document in yaml.safe_load_all(file.read_text())]


def of_kind(*kinds):
    return {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] in kinds}


WORKLOADS = of_kind("Deployment", "StatefulSet", "Job")
DEPLOYMENTS = of_kind("Deployment")
OUR_IMAGE = "guildhall:" + command("version").stdout.split()[1]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def labels_of(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def containers_of(workload):
    pod = pod_of(workload)
    return pod.get("initContainers", []) + pod["containers"]


ALL_CONTAINERS = [(name, one) for name, workload in WORKLOADS.items() for one in containers_of(workload)]


def environment(container):
    """The variables of a container, with those of its ConfigMaps."""
    found = {}
    for source in container.get("envFrom", []):
        found |= of_kind("ConfigMap")[source["configMapRef"]["name"]]["data"]
    return found | {one["name"]: one["value"] for one in container.get("env", [])}


def selects(selector, labels):
    assert not selector or selector.keys() == {"matchLabels"}, "the tests understand no other selectors"
    return (selector or {"matchLabels": {}})["matchLabels"].items() <= labels.items()


def selected(selector):
    return {name for name, workload in WORKLOADS.items() if selects(selector, labels_of(workload))}


def serving():
    """The name of the Deployment of each service."""
    found = {}
    for name, workload in DEPLOYMENTS.items():
        for container in pod_of(workload)["containers"]:
            if service := environment(container).get("GUILDHALL_SERVICES_RUN"):
                found[service] = name
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_schema_of_kubernetes_accepts_each_object(file):
    assert file.suffix == ".yaml", "kubectl apply -f k8s/ reads every file here"
    for document in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_no_name_stands_twice_and_all_are_in_one_namespace():
    names = [(one["kind"], one["metadata"]["name"]) for one in OBJECTS]
    assert len(names) == len(set(names))
    assert OBJECTS[0]["kind"] == "Namespace", "the first file makes it"
    assert {one["metadata"].get("namespace") for one in OBJECTS[1:]} == {OBJECTS[0]["metadata"]["name"]}


def test_each_service_of_the_table_is_there_with_all_that_belongs_to_it():
    assert serving().keys() == set(SERVICES)
    for service, name in serving().items():
        assert service == name
        for kind in ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
            assert name in of_kind(kind), (kind, name)


def test_the_images_have_versions():
    """A tag that moves would change what runs without a change here."""
    for name, container in ALL_CONTAINERS:
        image, _, tag = container["image"].partition(":")
        assert tag and tag != "latest", (name, image)
        assert image != "guildhall" or container["image"] == OUR_IMAGE
    assert f"migrate-{OUR_IMAGE.split(':')[1].replace('.', '-')}" in of_kind("Job")


@pytest.mark.parametrize(
    "name,container",
    [pair for pair in ALL_CONTAINERS if pair[1]["image"] == OUR_IMAGE],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_the_program_accepts_what_each_container_gives_it(name, container, tmp_path):
    secrets = make_secrets(tmp_path / "secrets")
    if SECRETS + "guildhall.toml" not in container.get("args", []):
        (secrets / "guildhall.toml").write_text("")
    assert faults_of_settings(environment(container), secrets, tmp_path / "data") == []


def test_the_keys_of_the_secret_are_those_that_are_made(tmp_path):
    made = {path.name for path in make_secrets(tmp_path / "secrets").iterdir()}
    assert not of_kind("Secret"), "no secret is written here"
    for name, workload in WORKLOADS.items():
        mounted = set()
        for volume in pod_of(workload).get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["secretName"] == "guildhall"
                mounted |= {item["key"] for item in volume["secret"]["items"]}
        assert mounted <= made
        assert named_secrets(str(containers_of(workload))) == mounted, f"{name} reads what it mounts and no more"


def test_each_host_and_port_that_is_named_is_a_service(tmp_path):
    services = of_kind("Service")
    hosts = hosts_of_secrets(make_secrets(tmp_path / "secrets"))
    assert hosts == {"postgres", "postgres-standby", "redis", "rabbitmq", "neo4j"} and hosts <= services.keys()
    urls = of_kind("ConfigMap")["guildhall-urls"]["data"]
    assert urls == {f"GUILDHALL_SERVICES_{name.upper()}_URL": f"http://{name}:8080" for name in SERVICES}
    for name, service in services.items():
        assert selected({"matchLabels": service["spec"]["selector"]}) == {name}
        ports = {port["name"] for one in pod_of(WORKLOADS[name])["containers"] for port in one["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name
    for workload in of_kind("StatefulSet").values():
        assert workload["spec"]["serviceName"] in services


def test_selectors_choose_their_own_pods():
    for name, workload in of_kind("Deployment", "StatefulSet").items():
        assert selected(workload["spec"]["selector"]) == {name}
        for spread in pod_of(workload).get("topologySpreadConstraints", []):
            assert selected(spread["labelSelector"]) == {name}
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert selected(budget["spec"]["selector"]) == {name}
        assert budget["spec"]["maxUnavailable"] < of_kind("HorizontalPodAutoscaler")[name]["spec"]["minReplicas"]
    for name, scaler in of_kind("HorizontalPodAutoscaler").items():
        spec = scaler["spec"]
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        assert 2 <= spec["minReplicas"] <= spec["maxReplicas"]
        assert "replicas" not in DEPLOYMENTS[name]["spec"], "applying the file again would undo the scaling"
        for container in pod_of(DEPLOYMENTS[name])["containers"]:
            assert container["resources"]["requests"]["cpu"], "what the utilization is measured against"


def test_all_replicas_share_the_connections_of_postgresql():
    most = sum(of_kind("HorizontalPodAutoscaler")[name]["spec"]["maxReplicas"] for name in serving().values())
    settings = of_kind("ConfigMap")["guildhall"]["data"]
    each = int(settings["GUILDHALL_HTTP_THREADS"]) * int(settings["GUILDHALL_SQL_CONNECTIONS_PER_THREAD"])
    reserve = 20  # migrations, the standby, administrators
    for name in ("postgres", "postgres-standby"):
        (container,) = pod_of(WORKLOADS[name])["containers"]
        (limit,) = (arg for arg in container["args"] if arg.startswith("-cmax_connections="))
        assert most * each + reserve <= int(limit.split("=")[1])


def test_the_pods_have_no_rights():
    """What the restricted Pod Security Standard demands, no token, no root file system to write to."""
    for name, workload in WORKLOADS.items():
        pod = pod_of(workload)
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all("hostPath" not in volume for volume in pod.get("volumes", []))
    for name, container in ALL_CONTAINERS:
        rights = container["securityContext"]
        assert rights["allowPrivilegeEscalation"] is False and rights["capabilities"] == {"drop": ["ALL"]}, name
        assert rights.get("readOnlyRootFilesystem") or container["image"].startswith(("rabbitmq:", "neo4j:"))
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]


def test_services_are_watched_and_leave_in_time():
    drain_notice = int(of_kind("ConfigMap")["guildhall"]["data"]["GUILDHALL_HTTP_DRAIN_NOTICE"])
    for name in serving().values():
        pod = pod_of(DEPLOYMENTS[name])
        (container,) = pod["containers"]
        paths = {kind: container[kind]["httpGet"]["path"] for kind in container if kind.endswith("Probe")}
        assert paths == {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
        sleep, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
        drain_deadline = 10  # of each of the steps, at most two of which wait long
        assert sleep == "sleep"
        assert int(seconds) + drain_notice + 2 * drain_deadline < pod["terminationGracePeriodSeconds"]
        noticed = container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"]
        assert noticed < drain_notice, "the pod leaves the Service while it still serves"
        assert [one["args"][0] for one in pod["initContainers"]] == ["migrate"]


def allowed(sender, receiver, port):
    """Whether the policies let `sender` reach the port of `receiver`: its egress and the other's ingress."""

    def admits(rules, key, other):
        for rule in rules:
            ports = rule.get("ports")
            is_port = ports is None or any(one["port"] in port for one in ports)
            peers = rule.get(key)
            chosen = [peer["podSelector"] for peer in peers or [] if "podSelector" in peer]
            if is_port and (peers is None or any(other in selected(selector) for selector in chosen)):
                return True
        return False

    def rules(name, direction):
        policies = [one["spec"] for one in of_kind("NetworkPolicy").values()]
        mine = [one for one in policies if name in selected(one["podSelector"]) and direction in one["policyTypes"]]
        assert mine, "everything is denied that is not allowed"
        return [rule for one in mine for rule in one.get(direction.lower(), [])]

    return admits(rules(sender, "Egress"), "to", receiver) and admits(rules(receiver, "Ingress"), "from", sender)


def test_the_policies_allow_what_is_needed_and_no_more(tmp_path):
    ports = {}
    for name, service in of_kind("Service").items():
        (port,) = service["spec"]["ports"]
        (one,) = pod_of(WORKLOADS[name])["containers"]
        (number,) = (that["containerPort"] for that in one["ports"] if that["name"] == port["targetPort"])
        ports[name] = {port["targetPort"], number}
    engines = hosts_of_secrets(make_secrets(tmp_path / "secrets"))
    (migrate,) = (name for name in WORKLOADS if name.startswith("migrate"))
    services = set(serving().values())
    needed = {(one, other) for one in services for other in services | engines}
    needed |= {("gateway", one) for one in services} | {(migrate, "postgres"), ("postgres-standby", "postgres")}
    found = {(one, other) for one in WORKLOADS for other in ports if allowed(one, other, ports[other])}
    # Traffic to the gateway is not restricted at the gateway; none of the others is let out to it.
    assert found == needed
    for kind in ("Ingress", "Egress"):
        assert kind in of_kind("NetworkPolicy")["deny-all"]["spec"]["policyTypes"]


def test_kong_sends_requests_to_the_services():
    pod = pod_of(DEPLOYMENTS["gateway"])
    (writer,) = pod["initContainers"]
    words = writer["command"][-1].split("guildhall ")[1].split(" >")[0].split()
    assert targets_of_kong(words, environment(writer)) == {name: [f"{name}:8080"] for name in SERVICES}
    (kong,) = pod["containers"]
    assert writer["command"][-1].endswith(">" + environment(kong)["KONG_DECLARATIVE_CONFIG"])
    trusted = of_kind("ConfigMap")["guildhall"]["data"]["GUILDHALL_HTTP_TRUSTED_PROXIES"]
    assert environment(kong)["KONG_TRUSTED_IPS"] == trusted
    (rule,) = of_kind("Ingress")["gateway"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}
    assert "http" in {port["name"] for port in of_kind("Service")["gateway"]["spec"]["ports"]}


def test_the_scripts_of_postgresql_are_those_of_compose():
    scripts = of_kind("ConfigMap")["postgres-scripts"]["data"]
    assert scripts == {name: (ROOT / "deploy/postgres" / name).read_text() for name in scripts}
    used = [
        item["key"]
        for workload in WORKLOADS.values()
        for volume in pod_of(workload).get("volumes", [])
        for item in volume.get("configMap", {}).get("items", [])
    ]
    assert sorted(used) == sorted(scripts)
    (primary,) = pod_of(WORKLOADS["postgres"])["containers"]
    assert "/docker-entrypoint-initdb.d" in {mount["mountPath"] for mount in primary["volumeMounts"]}
