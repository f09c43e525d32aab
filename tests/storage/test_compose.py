"""docker-compose.yml: what it says is what compose takes, and its services work as processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stores import answers, free_ports, tool

ROOT = Path(__file__).parents[2]

# the parts of the compose specification that the file uses: name and accepted types
SERVICE = {
    "image": str,
    "build": dict,
    "entrypoint": (str, list),
    "command": (str, list),
    "environment": dict,
    "volumes": list,
    "ports": list,
    "depends_on": (list, dict),
    "deploy": dict,
    "healthcheck": dict,
}
BUILD = {"context": str, "dockerfile_inline": str}
HEALTH = {"test": list, "interval": str, "retries": int}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def checked(what: str, held: dict[str, Any], known: dict[str, Any]) -> None:
    for name, value in held.items():
        assert name in known, f"{what}: compose does not know {name!r}"
        assert isinstance(value, known[name]), f"{what}: {name} is of type {type(value)}"


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    known = {"services", "volumes"}
    assert all(name in known or name.startswith("x-") for name in compose)
    services = compose["services"]
    for name, service in services.items():
        checked(name, service, SERVICE)
        assert ("image" in service) != ("build" in service)
        checked(f"{name}.build", service.get("build", {}), BUILD)
        checked(f"{name}.healthcheck", service.get("healthcheck", {}), HEALTH)
        for other in service.get("depends_on", ()):
            assert other in services
            if isinstance(service["depends_on"], dict):
                condition = service["depends_on"][other]["condition"]
                assert condition in CONDITIONS
                assert condition != "service_healthy" or "healthcheck" in services[other]
        for value in service.get("environment", {}).values():
            assert isinstance(value, (str, int, float))
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]
        for port in service.get("ports", ()):
            assert re.fullmatch(r"\d+:\d+", port)


def test_workers_scale(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]
    assert worker["deploy"]["replicas"] >= 2
    assert "ports" not in worker
    assert "container_name" not in worker


class Processes:
    """The services of the file as processes, with free ports in the place of theirs."""

    def __init__(self, compose: dict[str, Any]) -> None:
        self._services = compose["services"]
        self.folder = Path(tempfile.mkdtemp(prefix="prefectlite-compose-"))
        told = yaml.safe_dump(self._services)
        numbers = sorted(set(re.findall(r"(?<=[:=])\d{4,5}\b|(?<=')\d{4,5}(?=')", told)))
        self._ports = dict(zip(numbers, map(str, free_ports(len(numbers))), strict=True))
        self.running: list[subprocess.Popen[bytes]] = []

    def here(self, text: str) -> str:
        """A word of a command, or a variable, as it is for a process of this machine."""
        for name in self._services:
            text = re.sub(rf"(?<=//){name}(?=:)", "127.0.0.1", text)
        text = text.replace("0.0.0.0", "127.0.0.1").replace("/data", str(self.folder))
        return re.sub(r"\d{4,5}", lambda found: self._ports.get(found[0], found[0]), text)

    def start(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        service = self._services[name]
        words = [*([service["entrypoint"]] if "entrypoint" in service else []), *service["command"]]
        program, *rest = map(self.here, words)
        if name == "store":
            rest.append("-ip=127.0.0.1")
        program = sys.executable if program == "python" else tool(program)
        given = {key: self.here(str(v)) for key, v in service.get("environment", {}).items()}
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [program, *rest],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **given, **environment},
            stdout=log,
            stderr=log,
        )
        log.close()
        self.running.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def is_up(self) -> bool:
        test = self._services["store"]["healthcheck"]["test"]
        return answers(self.here(test[-1]))

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def processes(compose: dict[str, Any]) -> Iterator[Processes]:
    made = Processes(compose)
    yield made
    made.stop()


@pytest.mark.timeout(240)
def test_the_services_run_the_flow(processes: Processes, compose: dict[str, Any]) -> None:
    processes.start("store")
    processes.start("scheduler")
    for _ in range(compose["services"]["worker"]["deploy"]["replicas"]):
        processes.start("worker")
    for _ in range(300):
        if processes.is_up():
            break
        time.sleep(0.1)
    for _ in range(2):
        job = processes.start("job", MONTHS="1")
        assert job.wait(100) == 0, processes.log("job") + processes.log("store")[-2000:]
    told = processes.log("job")
    assert told.count("Task 'combine': Finished task run for task with final state: 'Success'") == 1
    assert told.count("Task 'combine': Finished task run for task with final state: 'Cached'") == 1
