"""A cluster with TLS takes who has a certificate, and says at once why it does not take others."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from prefectlite import Flow, task
from prefectlite.exceptions import ExecutorError
from prefectlite.executors import DaskExecutor
from tests.security.certificates import Certificate, make_certificate

# Dask's own time for a scheduler to answer: what is told at once does not come from it
PATIENCE = 60


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "cluster")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("strangers"), "stranger")


@pytest.fixture(scope="module")
def address(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with one worker, both processes of their own, with TLS."""
    folder = tmp_path_factory.mktemp("workers")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tls://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--protocol", "tls"]
    scheduler += ["--port", str(port), "--no-dashboard", *certificate.arguments()]
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    worker += ["--local-directory", str(folder), *certificate.arguments()]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in (scheduler, worker)
    ]
    _wait_for(port)
    yield address
    for process in reversed(processes):
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


@task
def double(x: int) -> int:
    return 2 * x


def _flow() -> tuple[Flow, object]:
    with Flow("doubled") as flow:
        doubled = double.map([1, 2, 3])
    return flow, doubled


def test_a_flow_runs_on_a_cluster_with_tls(address: str, certificate: Certificate) -> None:
    flow, doubled = _flow()
    state = flow.run(
        executor=DaskExecutor(address, client_kwargs={"security": certificate.security()})
    )
    assert state.is_successful(), state
    assert state.result[doubled].result == [2, 4, 6]


def _refusal(address: str, security: object) -> str:
    executor = DaskExecutor(address, client_kwargs={"security": security, "timeout": PATIENCE})
    began = time.monotonic()
    with pytest.raises(ExecutorError) as told, executor.start():
        pass
    assert time.monotonic() - began < PATIENCE / 2
    return str(told.value)


def test_a_scheduler_that_somebody_else_signed_is_refused(
    address: str, stranger: Certificate
) -> None:
    told = _refusal(address, stranger.security())
    assert "certificate of the scheduler" in told
    assert address in told
    assert "tls_ca_file" in told


def test_a_client_that_somebody_else_signed_is_refused(
    address: str, certificate: Certificate, stranger: Certificate
) -> None:
    security = stranger.security(tls_ca_file=str(certificate.authority))
    told = _refusal(address, security)
    assert "refuses the certificate of this client" in told
    assert "tls_client_cert" in told


def test_a_client_without_certificates_is_told_what_to_give(address: str) -> None:
    assert "tls_client_cert=" in _refusal(address, None)
    assert "takes TLS connections only" in _refusal(address.replace("tls", "tcp"), None)


def test_an_address_without_encryption_is_refused_where_it_is_required(
    address: str, certificate: Certificate
) -> None:
    told = _refusal(address.replace("tls", "tcp"), certificate.security())
    assert f"write {address}" in told


def test_a_scheduler_without_encryption_is_told_from_one_with(certificate: Certificate) -> None:
    from tests.clusters import cluster

    address = cluster().scheduler_address.replace("tcp://", "tls://")
    assert "has no encryption" in _refusal(address, certificate.security())


def test_a_flow_that_finds_a_wrong_certificate_has_failed(
    address: str, stranger: Certificate
) -> None:
    flow, _ = _flow()
    state = flow.run(
        executor=DaskExecutor(address, client_kwargs={"security": stranger.security()})
    )
    assert state.is_failed()
    assert "certificate of the scheduler" in state.message


def test_a_temporary_cluster_makes_its_own_certificates() -> None:
    flow, doubled = _flow()
    executor = DaskExecutor(
        cluster_kwargs={"n_workers": 1, "security": True, "dashboard_address": ":0"}
    )
    with executor.start():
        assert executor.client is not None
        assert executor.client.scheduler_info()["address"].startswith("tls://")
        assert all(worker.startswith("tls://") for worker in executor.client.nthreads())
        state = flow.run(executor=executor)
    assert state.result[doubled].result == [2, 4, 6]
