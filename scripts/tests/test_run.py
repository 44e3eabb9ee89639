"""The scripts that people call first: ./run, scripts/install_packages, scripts/stack.

./run starts a program that only says how it was called.
"""
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """#!/bin/sh
echo "$1 listen=$GUILDHALL_HTTP_LISTEN data=$GUILDHALL_DATA_DIR options=$*"
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path):
    """A folder in which ./run finds everything built; `calls` has the words of cmake."""
    shutil.copy(ROOT / "run", tmp_path / "run")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    write_program(tmp_path / "scripts/install_packages", "#!/bin/sh\n")
    write_program(tmp_path / "bin/cmake", f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n')
    write_program(tmp_path / "bin/curl", "#!/bin/sh\n")
    write_program(tmp_path / "build/release/guildhall", PROGRAM)
    (tmp_path / "CMakePresets.json").write_text("{}")
    return tmp_path


def run(clone, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUILDHALL_")}
    environment |= variables | {"PATH": f"{clone}/bin:{environment['PATH']}"}
    return subprocess.run([clone / "run", *words], env=environment, capture_output=True, text=True, timeout=60)


def served(clone, *words, **variables):
    """The line that the program printed when it was called to serve."""
    done = run(clone, *words, **variables)
    assert done.returncode == 0, done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith("serve "))


def test_a_port_can_be_chosen(clone):
    """[F: Tried as a newcomer and as an operator] ./run --port N"""
    assert served(clone, "--port", "18080") == "serve listen=127.0.0.1:18080 data= options=serve"
    assert "http://127.0.0.1:18080/docs" in run(clone, "--port", "18080").stdout
    for words in (["--port"], ["--port", "x"]):
        assert run(clone, *words).returncode == 2


def test_options_and_variables_win_over_the_defaults_of_the_script(clone):
    """[F: Tried as a newcomer and as an operator] each option is given once; the import takes the same ones."""
    done = run(clone, "--", "--listen", "127.0.0.1:18081", "--data=" + str(clone / "mine"))
    lines = done.stdout.splitlines()
    assert lines[0].startswith("import ") and lines[0].endswith(f"--listen 127.0.0.1:18081 --data={clone}/mine")
    assert f"serve listen= data= options=serve --listen 127.0.0.1:18081 --data={clone}/mine" in lines
    assert (clone / "mine/.demo_imported").exists() and not (clone / "data").exists()
    variables = {"GUILDHALL_HTTP_LISTEN": "127.0.0.1:18082", "GUILDHALL_DATA_DIR": str(clone / "theirs")}
    assert served(clone, **variables) == f"serve listen=127.0.0.1:18082 data={clone}/theirs options=serve"
    assert served(clone, "--port", "18083", **variables).startswith("serve listen=127.0.0.1:18083 ")


def test_a_port_that_is_taken_is_named_before_the_build(clone):
    """[F: Tried as a newcomer and as an operator]"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words in (["--port", str(port)], ["--", "--listen", f"0.0.0.0:{port}"]):
            done = run(clone, *words)
            assert done.returncode == 1 and f":{port}" in done.stderr and "--port" in done.stderr
    assert not (clone / "calls").exists()


def packages(name):
    lines = (ROOT / "scripts" / name).read_text().splitlines()
    return {line.split("#")[0].strip() for line in lines} - {""}


def test_running_needs_no_daemon_and_nothing_of_the_tests():
    """[F: Tried as a newcomer and as an operator] two lists, and `./run` installs the first only."""
    assert not packages("packages.txt") & packages("packages-tests.txt")
    daemons = {"postgresql-15", "rabbitmq-server", "redis-server", "nginx-light", "maven", "golang-go", "clang-tidy-19"}
    assert daemons <= packages("packages-tests.txt")
    assert "install_packages --tests" not in (ROOT / "run").read_text()


def test_packages_start_no_service(tmp_path):
    """[F: Tried as a newcomer and as an operator] while packages are installed, Debian's policy forbids it."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    policy = tmp_path / "policy-rc.d"
    script = tmp_path / "scripts/install_packages"
    script.write_text(script.read_text().replace("/usr/sbin/policy-rc.d", str(policy)))
    write_program(tmp_path / "bin/dpkg-query", "#!/bin/sh\n")
    write_program(tmp_path / "bin/sudo", '#!/bin/sh\nexec "$@"\n')
    write_program(tmp_path / "bin/apt-get", f'#!/bin/sh\n{policy}; echo "policy $? for $*" >>{tmp_path}/said\n')
    environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    done = subprocess.run([script, "--tests"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text()
    assert said.startswith("policy 101 for") and " rabbitmq-server " in said
    assert not policy.exists()
    subprocess.run([script], env=environment, capture_output=True, check=True, timeout=60)
    assert "rabbitmq-server" not in (tmp_path / "said").read_text().splitlines()[-1]


def test_a_reader_that_ends_early_makes_no_traceback(tmp_path):
    """[F: Tried as a newcomer and as an operator] stack status | head"""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        command = [ROOT / "scripts/stack", "--folder", tmp_path, "status"]
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr == ""
