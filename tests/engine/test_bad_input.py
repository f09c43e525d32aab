"""Bad input: each error names the task, the argument or element and the way out.

After each of them a normal run in the same process, on the same executor, is as it should be.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Parameter, Task, task
from prefectlite.configuration import load_configuration
from prefectlite.engine import signals
from prefectlite.engine.state import Failed, State, Success, TriggerFailed
from prefectlite.exceptions import ConfigurationError, ExecutorError, ParameterError
from prefectlite.executors import DaskExecutor, Executor
from tests.clusters import EXECUTORS, IN_OTHER_PROCESSES, started_executor


@task
def add(x: int, y: int = 1) -> int:
    return x + y


def assert_normal(executor: Executor) -> None:
    with Flow("normal") as flow:
        made = add.map(add.map([1, 2, 3]))
    state = flow.run(executor=executor)
    assert state is not None
    assert state.is_successful(), state.message
    assert state.result[made].result == [3, 4, 5]


def run(flow: Flow, executor: Executor, **settings: Any) -> State:
    state = flow.run(executor=executor, **settings)
    assert state is not None
    return state


def failure(flow: Flow, made: Any, executor: Executor) -> str:
    """The message of the task's failure, after which a normal run follows."""
    state = run(flow, executor)
    assert state.is_failed(), state
    text = state.message
    if isinstance(state.result, dict):
        assert state.result[made].is_failed()
        text = state.result[made].message
    assert_normal(executor)
    return str(text)


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor in turn."""
    return started_executor(request.param)


@pytest.fixture(params=IN_OTHER_PROCESSES)
def elsewhere(request: pytest.FixtureRequest) -> Executor:
    """The executors whose values go to other processes."""
    return started_executor(request.param)


# the flow and its parameters


def test_a_cycle(executor: Executor) -> None:
    flow = Flow("round")
    one, two, apart = (Task(name=name) for name in ("one", "two", "apart"))
    flow.chain(apart, one, two)
    flow.add_edge(two, one)
    state = run(flow, executor)
    assert state.is_failed()
    assert "cycle: one -> two -> one." in str(state.message)
    assert "remove one of the edges" in str(state.message)
    assert_normal(executor)


def test_a_missing_and_an_unknown_parameter(executor: Executor) -> None:
    with Flow("parameters") as flow:
        add(Parameter("count"))
    with pytest.raises(ParameterError, match="required parameters: count"):
        flow.run(executor=executor)
    with pytest.raises(ParameterError, match="unexpected parameters: cuont"):
        flow.run({"count": 1, "cuont": 2}, executor=executor)
    assert_normal(executor)


def test_a_keyword_that_run_does_not_have() -> None:
    with pytest.raises(TypeError, match="add") as caught, Flow("keyword"):
        add(1, z=2)
    assert "'z'" in str(caught.value)
    assert_normal(started_executor("local"))


def test_positional_arguments_of_any_number() -> None:
    with pytest.raises(ValueError, match=r"\*args.*'Many'"):

        class Many(Task):
            def run(self, *args: int) -> int:
                return sum(args)

    with pytest.raises(ValueError, match=r"\*args"):
        task(lambda *args: args)
    assert_normal(started_executor("local"))


@pytest.mark.parametrize("name", ["upstream_tasks", "mapped", "task_args", "flow"])
def test_reserved_names(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def reserved(x, {name}): return x", namespace)
    with pytest.raises(ValueError, match=f"reserved.*{name}|{name}.*reserved"):
        task(namespace["reserved"])
    assert_normal(started_executor("local"))


# what cannot be pickled


def test_an_argument_that_cannot_be_pickled(elsewhere: Executor) -> None:
    with Flow("argument") as flow:
        made = add(threading.Lock(), 1)
    text = failure(flow, made, elsewhere)
    assert "'x'" in text
    assert "'add'" in text
    assert "inside the task" in text


def test_a_parameter_that_cannot_be_pickled(elsewhere: Executor) -> None:
    with Flow("parameter") as flow:
        add(Parameter("lock"))
    state = run(flow, elsewhere, parameters={"lock": threading.Lock()})
    assert state.is_failed()
    assert "'lock'" in str(state.message)
    assert_normal(elsewhere)


def test_a_task_that_cannot_be_pickled(elsewhere: Executor) -> None:
    lock = threading.Lock()

    @task
    def locked() -> None:
        with lock:
            """Holds it."""

    with Flow("task") as flow:
        made = locked()
    text = failure(flow, made, elsewhere)
    assert "'locked'" in text
    assert "inside the task" in text


@pytest.mark.parametrize("large", [False, True])
def test_a_result_that_cannot_be_pickled(elsewhere: Executor, large: bool) -> None:
    @task
    def opens(x: int) -> Any:
        if x:
            return ["x" * 2_000_000 if large else "x", threading.Lock()]
        return 0

    with Flow("result") as flow:
        made = opens.map([0, 1])
        after = add.map([1, 2], upstream_tasks=[made])
    state = run(flow, elsewhere)
    good, bad = state.result[made].map_states
    assert isinstance(good, Success)
    assert isinstance(bad, Failed)
    assert "'opens[1]'" in str(bad.message)
    assert "cannot be pickled" in str(bad.message)
    assert "LocalExecutor" in str(bad.message)
    assert [type(each) for each in state.result[after].map_states] == [Success, TriggerFailed]
    assert_normal(elsewhere)


def test_a_result_that_cannot_be_pickled_is_fine_in_this_process() -> None:
    @task
    def opens() -> Any:
        return threading.Lock()

    with Flow("result") as flow:
        made = opens()
    for kind in ("local", "sync", "threads"):
        assert run(flow, started_executor(kind)).result[made].result.acquire()


class Awkward(Exception):
    """Pickles, but cannot be made again: its __init__ takes more than its args."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")


class Locked(Exception):
    """Holds what does not pickle."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


@pytest.mark.parametrize("make", [lambda: Awkward(5, "no disk"), Locked])
def test_an_exception_that_cannot_be_pickled(
    elsewhere: Executor, make: Callable[[], Exception]
) -> None:
    @task
    def raising(x: int) -> None:
        raise make()

    with Flow("exception") as flow:
        made = raising.map([7])
    state = run(flow, elsewhere)
    (bad,) = state.result[made].map_states
    assert isinstance(bad, Failed)
    text = str(bad.result)
    assert "'raising[0]'" in text
    assert type(make()).__name__ in text
    assert str(make()) in text
    assert "raise make()" in text
    assert_normal(elsewhere)


# mapping over what cannot be mapped over


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (5, "int"),
        (None, "NoneType"),
        ({"a": 1}, "dict"),
        ({1, 2}, "set"),
    ],
)
def test_mapping_over_a_result_that_is_no_list(executor: Executor, value: Any, kind: str) -> None:
    @task
    def source() -> Any:
        return value

    with Flow("unmappable") as flow:
        made = add.map(source())
    text = failure(flow, made, executor)
    assert text.startswith("At least one upstream state has an unmappable result.")
    assert "'add'" in text
    assert "'x'" in text
    assert "'source'" in text
    assert f" {kind} " in text
    assert "list" in text


@pytest.mark.parametrize("kind", ["local", "sync", "threads"])
def test_mapping_over_a_generator(kind: str) -> None:
    @task
    def source() -> Iterator[int]:
        return (number for number in range(3))

    with Flow("generator") as flow:
        made = add.map(source())
    text = failure(flow, made, started_executor(kind))
    assert "generator" in text
    assert "'source'" in text


def test_mapping_over_a_generator_elsewhere(elsewhere: Executor) -> None:
    @task
    def source() -> Iterator[int]:
        return (number for number in range(3))

    with Flow("generator") as flow:
        made = add.map(source())
    state = run(flow, elsewhere)
    text = " ".join(str(each.message) for each in state.result.values())
    assert state.result[made].is_failed()
    assert "generator" in text
    assert "'source'" in text
    assert_normal(elsewhere)


@pytest.mark.parametrize("value", [5, None, {"a": 1}])
def test_mapping_over_a_parameter_that_is_no_list(executor: Executor, value: Any) -> None:
    with Flow("unmappable") as flow:
        made = add.map(Parameter("values"))
    state = run(flow, executor, parameters={"values": value})
    text = str(state.result[made].message)
    assert "'values'" in text
    assert type(value).__name__ in text
    assert_normal(executor)


# tasks that would end the process


@pytest.mark.parametrize(
    "raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), SystemExit()]
)
@pytest.mark.parametrize("timeout", [None, 60])
def test_a_task_that_exits_or_interrupts_fails_by_itself(
    executor: Executor, raised: BaseException, timeout: int | None
) -> None:
    kind, args = type(raised), raised.args

    @task(timeout=timeout)
    def leaves(x: int) -> int:
        if x == 1:
            raise kind(*args)
        return x

    with Flow("exits") as flow:
        made = leaves.map([0, 1, 2])
    state = run(flow, executor)
    states = state.result[made].map_states
    assert [type(each) for each in states] == [Success, Failed, Success]
    assert "'leaves[1]'" in str(states[1].message)
    assert kind.__name__ in str(states[1].message)
    assert_normal(executor)


def test_sys_exit(executor: Executor) -> None:
    @task
    def leaves() -> None:
        sys.exit("no more")

    with Flow("exits") as flow:
        made = leaves()
    text = failure(flow, made, executor)
    assert "no more" in text
    assert "signals" in text


# handlers and triggers that raise


def test_a_handler_that_raises(executor: Executor) -> None:
    def broken(task: Task, old: State, new: State) -> None:
        raise RuntimeError("in the handler")

    with Flow("handler") as flow:
        made = add.copy(name="handled", state_handlers=[broken])(1)
        after = add(made)
    state = run(flow, executor)
    assert isinstance(state.result[made], Failed)
    assert "calling state handlers: RuntimeError('in the handler')" in str(
        state.result[made].message
    )
    assert isinstance(state.result[after], TriggerFailed)
    assert_normal(executor)


def test_a_trigger_that_raises(executor: Executor) -> None:
    def broken(states: Any) -> bool:
        raise RuntimeError("in the trigger")

    with Flow("trigger") as flow:
        made = add.copy(trigger=broken)(add(1))
    text = failure(flow, made, executor)
    assert "task trigger: RuntimeError('in the trigger')" in text


def test_a_flow_handler_that_raises(executor: Executor) -> None:
    def broken(flow: Flow, old: State, new: State) -> None:
        raise RuntimeError("in the flow's handler")

    with Flow("flow handler", state_handlers=[broken]) as flow:
        add(1)
    state = run(flow, executor)
    assert state.is_failed()
    assert "in the flow's handler" in str(state.message)
    assert_normal(executor)


def test_a_reader_that_raises(executor: Executor) -> None:
    def broken(change: Any) -> None:
        raise RuntimeError("in the reader")

    with Flow("reader") as flow:
        add(1)
    state = run(flow, executor, readers=[broken])
    assert state.is_finished()
    assert_normal(executor)


def test_a_loop_signal_with_a_result_that_cannot_be_pickled(elsewhere: Executor) -> None:
    @task
    def loops() -> int:
        if prefectlite.context.get("task_loop_count", 1) < 3:
            raise signals.LOOP(result=1)
        return 1

    with Flow("loop") as flow:
        made = loops()
    assert run(flow, elsewhere).result[made].result == 1


# the cluster


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_an_address_where_no_scheduler_is() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    executor = DaskExecutor(address, client_kwargs={"timeout": 1})
    with Flow("nobody there") as flow:
        add(1)
    began = time.monotonic()
    state = run(flow, executor)
    assert time.monotonic() - began < 20
    assert state.is_failed()
    assert address in str(state.message)
    assert "Check the address" in str(state.message)
    assert isinstance(state.result, ExecutorError)
    assert_normal(started_executor("dask"))


def test_an_address_that_is_none() -> None:
    with Flow("no address") as flow:
        add(1)
    state = run(flow, DaskExecutor("not an address", client_kwargs={"timeout": 1}))
    assert state.is_failed()
    assert "not an address" in str(state.message)
    assert_normal(started_executor("local"))


def test_workers_that_lack_a_module(elsewhere: Executor, tmp_path: Path) -> None:
    module = tmp_path / "only_the_driver_has_this.py"
    module.write_text("def triple(x):\n    return 3 * x\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import only_the_driver_has_this  # type: ignore[import-not-found]

        # the processes that run already do not get the new path
        made_task = task(only_the_driver_has_this.triple)
    finally:
        sys.path.remove(str(tmp_path))
    with Flow("module") as flow:
        made = made_task(2)
    text = failure(flow, made, elsewhere)
    assert "'only_the_driver_has_this'" in text
    assert "'triple'" in text
    assert "Install it on every worker" in text


# configuration


def test_a_broken_configuration_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[logging]\nlevel = "INFO"\nformat = broken\n')
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(str(path))
    assert str(path) in str(caught.value)
    assert "line 3" in str(caught.value)
    assert_normal(started_executor("local"))


def test_a_broken_configuration_file_of_the_user(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "config.toml"
    path.write_text("debug = true\n\nwrong\n")
    ended = subprocess.run(
        [sys.executable, "-c", "import prefectlite; prefectlite.config.debug"],
        env={**os.environ, "PREFECTLITE__USER_CONFIG_PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert str(path) in ended.stderr
    assert "line 3" in ended.stderr
