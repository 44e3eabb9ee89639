"""Black-box tests: everything goes over the wire. $GUILDHALL_SHAPE selects the shape of the server
(support/shapes.py)."""

import os

import pytest

from support.client import Service
from support.shapes import Launcher, chosen_shape


@pytest.fixture(scope="session")
def shape():
    return chosen_shape()


@pytest.fixture(scope="session")
def server(shape, tmp_path_factory):
    """The running server of this worker; tests share it and make members of their own."""
    launcher = Launcher(shape, tmp_path_factory.mktemp("server"))
    try:
        yield launcher()
    finally:
        launcher.close()


@pytest.fixture(scope="session")
def service(server):
    service = Service(server)
    service.warm_graph()
    return service


@pytest.fixture
def launch(shape, tmp_path):
    """Starts servers that a test needs for itself: launch(settings) or launch.prepare(settings)."""
    launcher = Launcher(shape, tmp_path)
    try:
        yield launcher
    finally:
        launcher.close()


@pytest.fixture
def visitor(service):
    """Somebody who is not signed in."""
    return service.visitor()


@pytest.fixture
def ada(service):
    return service.register("Ada Lovelace")


@pytest.fixture
def bela(service):
    return service.register("Bela Bartok")


@pytest.fixture
def clara(service):
    return service.register("Clara Schumann")


@pytest.fixture
def dmitri(service):
    return service.register("Dmitri Mendeleev")


@pytest.fixture
def friends(service):
    """Two connected members."""
    a, b = service.members(2)
    a.connect(b)
    return a, b


def pytest_collection_modifyitems(config, items):
    """Deselects tests of other shapes (they are not skipped, because nothing is missing), and orders the slow ones
    first.

    So the workers finish at about the same time.
    """
    shape = os.environ.get("GUILDHALL_SHAPE", "sqlite")

    def is_other(item):
        is_one_process = item.get_closest_marker("one_process") is not None
        return any(mark.args[0] != shape for mark in item.iter_markers("shape")) or (
            is_one_process and shape == "services"
        )

    other = [item for item in items if is_other(item)]
    config.hook.pytest_deselected(items=other)
    items[:] = sorted(
        (item for item in items if not is_other(item)), key=lambda item: item.get_closest_marker("slow") is None
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows the end of the log of the servers it used."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        launcher = item.funcargs.get("launch")
        instances = ([item.funcargs["server"]] if "server" in item.funcargs else []) + (
            launcher.instances if launcher else []
        )
        for instance in instances:
            report.sections.append((f"log of {instance.url or instance.folder}", instance.log()[-1200:]))
