"""The kong.yml that `guildhall gateway kong` writes. Kong does not run here.

The file is checked against the schema of its declarative format, which describes the structure but not the plugins, and
with a model of how Kong chooses a route.
"""

import base64
import json
import pathlib
import re
import subprocess

import jsonschema_rs
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from support.gateway import written
from support.program import SERVICES

pytestmark = pytest.mark.shape("sqlite")  # no server runs here: once is enough

# The fields of the plugins of Kong 3.6 (open-source edition) that we use: name, type, and for texts the allowed values.
PLUGINS = {
    "correlation-id": {"header_name": str, "generator": ("uuid", "uuid#counter", "tracker"), "echo_downstream": bool},
    "request-size-limiting": {
        "allowed_payload_size": int,
        "size_unit": ("megabytes", "kilobytes", "bytes"),
        "require_content_length": bool,
    },
    "request-transformer": {"remove": dict},
    "rate-limiting": {
        "second": int,
        "limit_by": ("consumer", "credential", "ip", "service", "header", "path", "consumer-group"),
        "policy": ("local", "redis"),  # [F: gateway check too lax] cluster needs a database
        "fault_tolerant": bool,
        "hide_client_headers": bool,
        "redis": dict,
    },
    "cors": {"origins": list, "credentials": bool, "preflight_continue": bool},
    "jwt": {
        "key_claim_name": str,
        "claims_to_verify": list,
        "header_names": list,
        "uri_param_names": list,
        "cookie_names": list,
        "run_on_preflight": bool,
    },
    "proxy-cache": {
        "strategy": ("memory",),
        "cache_ttl": int,
        "response_code": list,
        "request_method": list,
        "content_type": list,
        "vary_headers": list,
    },
    "ip-restriction": {"allow": list, "status": int, "message": str},
    "request-termination": {"status_code": int, "content_type": str, "body": str},
}


# The module that has the schema of the declarative format, and the hash of its content.
MODULE = "github.com/kong/go-database-reconciler@v1.42.0"
SUM = "h1:NyS8/x0EmWkAghU3PHZM3tquDWHYysa5yCWy3dOWXS8="


@pytest.fixture(scope="module")
def schema():
    """Fetched once a machine; Go keeps it."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], capture_output=True, text=True, timeout=110, cwd="/"
    )
    assert done.returncode == 0, done.stderr + done.stdout
    fetched = json.loads(done.stdout)
    assert fetched["Sum"] == SUM
    return json.loads((pathlib.Path(fetched["Dir"]) / "pkg/file/kong_json_schema.json").read_text())


def read(*options, replicas=("http://10.0.0.1:8080", "http://10.0.0.2:8080")):
    return yaml.safe_load(written("kong", replicas, options))


def plugins_of(document):
    yield from document["plugins"]
    for route in routes_of(document):
        yield from route.get("plugins", [])


def routes_of(document):
    yield from document["routes"]
    for service in document["services"]:
        yield from service["routes"]


def choose(document, method, path, headers=()):
    """(service, route) as Kong's traditional router chooses: most kinds of condition, then regex_priority, then
    prefixes."""

    def fits(route):
        (pattern,) = route["paths"]
        is_path = re.match(pattern[1:], path) if pattern.startswith("~") else path.startswith(pattern)
        asked = {name.lower() for name in route.get("headers", {})}
        return is_path and method in route.get("methods", [method]) and asked <= {name.lower() for name in headers}

    def rank(route):
        kinds = sum(key in route for key in ("methods", "headers", "hosts", "paths"))
        return kinds, route["paths"][0].startswith("~"), route.get("regex_priority", 0)

    found = [(None, route) for route in document["routes"] if fits(route)]
    found += [
        (service["name"], route) for service in document["services"] for route in service["routes"] if fits(route)
    ]
    return max(found, key=lambda pair: rank(pair[1]))


ALL_OPTIONS = (
    "--operator=10.0.0.0/8",
    "--redis=redis:6379",
    "--http-cors-origins=https://a.example",
    "--host=guildhall.example",
)


@pytest.mark.parametrize("options", [(), ALL_OPTIONS], ids=["defaults", "all options"])
def test_kong_yml_fits_the_declarative_schema(schema, options):
    document = read(*options)
    faults = [
        f"{error.instance_path}: {error.message}" for error in jsonschema_rs.validator_for(schema).iter_errors(document)
    ]
    assert faults == []
    names = [route["name"] for route in routes_of(document)]
    assert len(names) == len(set(names)), "a name stands for one route"
    assert {upstream["name"] for upstream in document["upstreams"]} == {
        service["host"] for service in document["services"]
    }
    assert [service["name"] for service in document["services"]] == list(SERVICES)


@pytest.mark.parametrize("options", [(), ALL_OPTIONS], ids=["defaults", "all options"])
def test_plugins_have_only_what_kong_knows(options):
    for plugin in plugins_of(read(*options)):
        known = PLUGINS[plugin["name"]]
        for name, value in plugin["config"].items():
            expected = known[name]
            assert value in expected if isinstance(expected, tuple) else type(value) is expected, (
                plugin["name"],
                name,
                value,
            )


def test_replicas_are_targets_with_health_checks():
    for upstream in read()["upstreams"]:
        assert [target["target"] for target in upstream["targets"]] == ["10.0.0.1:8080", "10.0.0.2:8080"]
        assert upstream["healthchecks"]["active"]["http_path"] == "/readyz"
        assert upstream["healthchecks"]["passive"]["unhealthy"]["tcp_failures"] > 0


@pytest.mark.parametrize(
    "method,path,service",
    [
        ("GET", "/v1/users/me", "user"),
        ("GET", "/v1/users/7", "user"),
        ("GET", "/v1/users/by-handle/posts", "user"),
        ("GET", "/v1/users/7/posts", "post"),
        ("PUT", "/v1/posts/7/reaction", "post"),
        ("OPTIONS", "/v1/posts/7", "post"),
        ("GET", "/v1/users/7/connections", "connection"),
        ("GET", "/.well-known/jwks.json", "user"),
        ("GET", "/xwell-known/jwks.json", None),
        ("GET", "/v1/posts/7/nothing", None),
        ("POST", "/internal/v1/user/cards", None),
        ("GET", "/metrics", None),
        ("GET", "/readyz", None),
        ("GET", "/livez", None),
    ],
)
def test_each_path_goes_to_the_service_that_owns_it(method, path, service):
    assert choose(read(), method, path)[0] == service


def test_operators_reach_health_and_metrics_by_their_address_only():
    service, route = choose(read("--operator=10.0.0.0/8"), "GET", "/metrics")
    assert service == "user"
    assert [(plugin["name"], plugin["config"]["allow"]) for plugin in route["plugins"]] == [
        ("ip-restriction", ["10.0.0.0/8"])
    ]


def test_answers_to_members_are_not_kept():
    document = read()
    visitor = choose(document, "GET", "/v1/posts/7")[1]
    member = choose(document, "GET", "/v1/posts/7", headers=["Authorization"])[1]
    assert [plugin["name"] for plugin in visitor["plugins"]] == ["proxy-cache"]
    assert "plugins" not in member
    assert "plugins" not in choose(document, "GET", "/v1/feed")[1]
    assert "plugins" not in choose(read("--cache-seconds=0"), "GET", "/v1/posts/7")[1]


def addresses(document):
    """An address for each pattern of a route."""
    for route in routes_of(document):
        (pattern,) = route["paths"]
        if pattern.startswith("~/v1/"):
            yield re.sub(r"\\(.)", r"\1", pattern[1:].removesuffix("$").replace("[^/]+", "7"))


def test_with_a_token_an_address_takes_the_path_that_it_takes_without():
    """Kong takes a route that asks for a header before one that does not, whatever their priority."""
    document = read()
    taken = {}
    for address in addresses(document):
        without, with_token = (
            choose(document, "GET", address, headers)[1]["paths"] for headers in ((), ["Authorization"])
        )
        taken[address] = without == with_token
    assert taken and [address for address, is_same in taken.items() if not is_same] == []


def test_with_the_keys_kong_checks_tokens_where_one_is_needed(schema, tmp_path):
    """[X2] The public key of the JWKS as Kong wants it; routes that are open to visitors are left to the services."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    numbers = key.public_numbers()
    coordinate = {
        name: base64.urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode()
        for name, n in (("x", numbers.x), ("y", numbers.y))
    }
    jwks = tmp_path / "jwks.json"
    jwks.write_text(
        json.dumps(
            {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "key-1", **coordinate}]}
        )
    )
    document = read(f"--jwks={jwks}")

    (credential,) = document["consumers"][0]["jwt_secrets"]
    assert (credential["key"], credential["algorithm"]) == ("key-1", "ES256")
    assert load_pem_public_key(credential["rsa_public_key"].encode()).public_numbers() == numbers

    def checks_tokens(method, path):
        return "jwt" in [plugin["name"] for plugin in choose(document, method, path)[1].get("plugins", [])]

    assert (
        checks_tokens("GET", "/v1/feed")
        and checks_tokens("POST", "/v1/posts")
        and checks_tokens("HEAD", "/v1/users/me")
    )
    assert (
        not checks_tokens("GET", "/v1/posts")
        and not checks_tokens("POST", "/v1/auth/login")
        and not checks_tokens("OPTIONS", "/v1/posts")
    )
    assert jsonschema_rs.is_valid(schema, document)
