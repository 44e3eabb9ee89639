"""The program as one meets it in a shell: versions, help, mistakes, completion, and where its words go."""

import subprocess
import time

import psycopg
import pytest

from support.client import eventually
from support.program import binary


def guildhall(*words):
    return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=60)


def test_the_version_is_printed():
    """[F: Tried as a newcomer and as an operator] --version, as `version`."""
    done = guildhall("--version")
    assert done.returncode == 0 and done.stdout.startswith("guildhall ") and done.stdout[10].isdigit()
    assert guildhall("version").stdout == done.stdout


def test_help_of_every_command():
    """[F: Tried as a newcomer and as an operator] help, help COMMAND, --help; nothing alone prints the help as well."""
    help_text = guildhall("help")
    assert help_text.returncode == 0 and "serve" in help_text.stdout and "--version" in help_text.stdout
    assert guildhall("--help").stdout == help_text.stdout
    assert "--listen" in guildhall("help", "serve").stdout
    assert guildhall("help", "events", "dead", "list").stdout == guildhall("events", "dead", "list", "--help").stdout
    for words in ([], ["events"], ["events", "dead"], ["config"]):
        done = guildhall(*words)
        assert done.returncode == 2 and not done.stdout and "Subcommands:" in done.stderr, words


@pytest.mark.parametrize(
    "words,unknown,known",
    [
        (["sevre"], "sevre", "serve"),
        (["events", "alive"], "alive", "dead"),
        (["help", "sevre"], "sevre", "serve"),
        (["sevre", "--listen", "127.0.0.1:0"], "sevre", "serve"),
    ],
)
def test_an_unknown_command_is_named(words, unknown, known):
    """[F: Tried as a newcomer and as an operator] with those that there are."""
    done = guildhall(*words)
    assert done.returncode == 2 and not done.stdout
    assert f'no command "{unknown}"' in done.stderr and known in done.stderr and "required" not in done.stderr


def test_the_help_of_serve_shows_the_defaults():
    """[F: Tried as a newcomer and as an operator]"""
    help_text = guildhall("serve", "--help").stdout
    assert "=127.0.0.1:8080" in help_text and "=sqlite" in help_text and "=data" in help_text


@pytest.mark.parametrize(
    "line,expected",
    [
        ("ser", {"serve", "services"}),
        ("serve --http-lis", {"--http-listen"}),
        ("events ", {"dead", "queues", "--help"}),
        ("events dead re", {"replay"}),
        ("import --edges serve --stri", {"--strict"}),
        ("graph check --lis", {"--listen"}),
    ],
)
def test_bash_completes_commands_and_options(line, expected):
    """[F: Tried as a newcomer and as an operator]"""
    script = f"""source <("$1" completion bash)
        COMP_WORDS=(guildhall {line}{'""' if line.endswith(" ") else ""}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _guildhall; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script, "bash", binary()], capture_output=True, text=True, timeout=60)
    assert set(done.stdout.split()) == expected, done.stderr


def test_other_shells_have_a_script():
    """[F: Tried as a newcomer and as an operator]"""
    assert "__fish_seen_subcommand_from events" in guildhall("completion", "fish").stdout
    assert "bashcompinit" in guildhall("completion", "zsh").stdout
    assert guildhall("completion", "tcsh").returncode == 2


@pytest.mark.shape("engines")
def test_commands_log_to_standard_error(launch):
    """[F: commands other than `serve` print slow-statement warnings to standard output] Standard output is for
    programs."""
    instance = launch.prepare()
    instance.run("migrate")
    with psycopg.connect(instance.dsn, options="-c search_path=connection") as database:
        database.execute("LOCK TABLE dead_letters")
        command = [binary(), "events", "dead", "list", "--config", instance.config]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting = """SELECT clock_timestamp() - waitstart > interval '1 second' FROM pg_locks
            JOIN pg_database ON oid = database WHERE NOT granted AND datname = current_database()"""
        eventually(lambda: database.execute(waiting).fetchall() == [(True,)])
        database.rollback()
        out, log = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "") and "slow statement" in log


@pytest.mark.one_process
def test_a_check_of_the_graph_without_a_server_says_so(launch):
    """[F: Tried as a newcomer and as an operator] what it waits for at once, and an end within seconds."""
    instance = launch()
    instance.terminate()
    begun = time.monotonic()
    done = instance.run("graph check", check=False)
    assert done.returncode == 1 and time.monotonic() - begun < 60
    assert done.stderr.startswith("waiting for a process of the connection service")
    assert "no process of the connection service serves this database" in done.stderr
