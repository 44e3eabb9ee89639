"""What the files for deploying give to the program, checked with the program itself. No container runs here."""

import os
import re
import subprocess

import yaml

from support.program import ROOT, binary

SECRETS = "/run/secrets/guildhall/"  # where containers find the files of deploy/make_secrets


def command(*arguments, settings=None):
    """Runs the program with `settings` as its only variables of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUILDHALL_")}
    return subprocess.run(
        [binary(), *arguments], env=environment | (settings or {}), capture_output=True, text=True, timeout=60
    )


def known_variables():
    """The variables that the program reads, of the table that it prints."""
    table = command("config", "document")
    assert table.returncode == 0, table.stderr
    return set(re.findall(r"`(GUILDHALL_[A-Z0-9_]+)`", table.stdout))


def make_secrets(folder):
    folder.mkdir(exist_ok=True)
    subprocess.run([ROOT / "deploy/make_secrets", folder], check=True)
    return folder


def faults_of_settings(settings, secrets, data):
    """What is wrong with the variables of a container, together with guildhall.toml of `secrets`.

    `data` stands for the data folder, which exists in the container only.
    """
    settings = {name: value for name, value in settings.items() if name.startswith("GUILDHALL_")}
    faults = [f"unknown: {name}" for name in sorted(settings.keys() - known_variables())]
    checked = command("config", "check", "--config", secrets / "guildhall.toml", "--data", data, settings=settings)
    if checked.returncode != 0:
        faults.append(checked.stderr)
    return faults


def named_secrets(text):
    """The files of make_secrets that `text` names."""
    return set(re.findall(re.escape(SECRETS) + r"([\w.]+)", text))


def hosts_of_secrets(secrets):
    """The hosts that guildhall.toml names."""
    return set(re.findall(r"(?:host=|@)([a-z0-9-]+)", (secrets / "guildhall.toml").read_text()))


def targets_of_kong(arguments, settings):
    """The addresses to which the kong.yml that `guildhall ARGUMENTS` writes sends requests, by service."""
    written = command(*arguments, settings=settings)
    assert written.returncode == 0, written.stderr
    upstreams = yaml.safe_load(written.stdout)["upstreams"]
    return {one["name"].removesuffix(".guildhall"): [to["target"] for to in one["targets"]] for one in upstreams}
