"""Secrets: where they come from, and where their values are not."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, task
from prefectlite.engine.results import LocalResult, PrefectResult, SecretResult
from prefectlite.executors import Executor
from prefectlite.tasks.secrets import EnvVarSecret, PrefectSecret, SecretBase

HIDDEN = "hunter2-is-hidden"


@task
def length(x: str) -> int:
    return len(x)


def run(secret: SecretBase, **arguments: Any) -> Any:
    with Flow("f") as flow:
        looked_up = secret(**arguments)
    return flow.run().result[looked_up]


def test_from_the_context(executor: Executor) -> None:
    with Flow("f") as flow:
        used = length(PrefectSecret("KEY"))
    with prefectlite.context(secrets={"KEY": HIDDEN}):
        state = flow.run(executor=executor)
    assert state.result[used].result == len(HIDDEN)


@pytest.mark.parametrize(
    ("written", "value"),
    [("x", "x"), ('{"a": [1]}', {"a": [1]}), ("5", 5), ("{broken", "{broken"), (None, None)],
)
def test_text_that_is_json(written: Any, value: Any) -> None:
    with prefectlite.context(secrets={"KEY": written}):
        assert PrefectSecret("KEY").run() == value


def test_name_of_the_call() -> None:
    with prefectlite.context(secrets={"OTHER": "x"}):
        assert run(PrefectSecret("KEY"), name="OTHER").result == "x"


def test_a_missing_secret_fails_and_others_go_on() -> None:
    with Flow("f") as flow:
        missing, other = PrefectSecret("KEY")(), length("abc")
    state = flow.run()
    assert isinstance(state.result[missing].result, ValueError)
    message = state.result[missing].message
    assert 'Local Secret "KEY" was not found.' in message
    assert "PREFECTLITE__CONTEXT__SECRETS__KEY" in message
    assert state.result[other].result == 3


@pytest.mark.parametrize("kind", [PrefectSecret, EnvVarSecret])
def test_without_a_name(kind: type[PrefectSecret]) -> None:
    assert "A secret name must be provided." in run(kind()).message


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "5")
    monkeypatch.delenv("NO_KEY", raising=False)
    assert EnvVarSecret("KEY").run() == "5"
    assert EnvVarSecret("KEY", cast=int).run() == 5
    assert EnvVarSecret("NO_KEY").run() is None
    assert EnvVarSecret("NO_KEY", cast=int).run() is None
    assert EnvVarSecret("NO_KEY").run(name="KEY") == "5"
    with pytest.raises(ValueError, match="Environment variable not set: NO_KEY"):
        EnvVarSecret("NO_KEY", raise_if_missing=True).run()
    with pytest.raises(TypeError, match="cast must be a function"):
        EnvVarSecret("KEY", cast=5)  # type: ignore[arg-type]


def test_a_cast_that_fails_does_not_tell_the_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KEY", HIDDEN)
    state = run(EnvVarSecret("KEY", cast=int))
    assert "KEY could not be cast by" in state.message
    assert HIDDEN not in state.message + repr(state.result) + caplog.text
    assert state.result.__cause__ is None
    assert state.result.__context__ is None


def test_settings() -> None:
    secret = PrefectSecret("KEY", tags=["a"], checkpoint=True)
    assert (secret.name, secret.checkpoint, secret.tags) == ("KEY", False, {"a"})
    assert isinstance(secret.result, SecretResult)
    assert secret.result.location == "KEY"
    with pytest.raises(ValueError, match="Result types for Secrets are not configurable"):
        PrefectSecret("KEY", result=PrefectResult())


def test_values_are_nowhere_to_be_seen(
    caplog: pytest.LogCaptureFixture, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    prefectlite.config.flows.checkpointing = True
    with Flow("f", result=LocalResult(dir=str(tmp_path))) as flow:
        secret = PrefectSecret("KEY")
        length(secret)
    with prefectlite.context(secrets={"KEY": HIDDEN}):
        state = flow.run()
        shown = [repr(secret), repr(flow), repr(prefectlite.context), flow.diagnostics()]
    ended = state.result[secret]
    assert ended.result == HIDDEN
    shown += [repr(state), repr(ended), repr(ended._result), str(ended.serialize())]
    shown += [caplog.text, *capfd.readouterr(), str(flow.serialize())]
    assert not [text for text in shown if HIDDEN in text]
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and HIDDEN.encode() in path.read_bytes()
    ]
    assert HIDDEN.encode() not in pickle.dumps(secret)
