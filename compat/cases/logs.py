"""Log records of a run: names, levels, texts; loggers of tasks; standard output as log lines."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from compat.harness import captured_logs, case


def _logged(p: Any, run: Any, flow: Any, level: str = "INFO") -> Any:
    with run.logs(level) as records:
        run.state(flow)
    return records if run.executor_name == "local" else sorted(records)


@case
def records_of_a_success(p: Any, run: Any) -> Any:
    with p.Flow("the flow") as flow:
        p.task(lambda: 1, name="a")()
    return _logged(p, run, flow)


@case
def records_of_a_failure(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: x, name="b")(p.task(lambda: 1 / 0, name="a")())
    return _logged(p, run, flow)


@case
def records_of_a_map(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda x: 1 / x, name="m").map([1, 0])
    return _logged(p, run, flow)


@case(
    differs="A run with retries is one run here: its timers are the driver's, so the flow's "
    "first and last lines are not written again for each round (design 3, retries and waits)."
)
def records_of_retries(p: Any, run: Any) -> Any:
    def flaky() -> None:
        if p.context.task_run_count < 2:
            raise ValueError("once")

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=1, retry_delay=timedelta(0))()
    return _logged(p, run, flow)


@case
def task_records_of_retries(p: Any, run: Any) -> Any:
    def flaky() -> None:
        if p.context.task_run_count < 2:
            raise ValueError("once")

    with p.Flow("f") as flow:
        p.task(flaky, max_retries=1, retry_delay=timedelta(0))()
    return [record for record in _logged(p, run, flow) if record[0].endswith("TaskRunner")]


def _signal_records(p: Any, run: Any, name: str) -> Any:
    def go() -> None:
        raise getattr(p.engine.signals, name)("why")

    with p.Flow("f") as flow:
        p.task(go)()
    with run.logs() as records:
        run.runner_state(flow)
    if run.executor_name == "local":
        return records
    # what a worker writes and what is written of it come by two ways
    return sorted(records, key=lambda record: ("signal raised" in record[2], record))


@case
def records_of_a_skip(p: Any, run: Any) -> Any:
    return _signal_records(p, run, "SKIP")


@case
def records_of_a_fail_signal(p: Any, run: Any) -> Any:
    return _signal_records(p, run, "FAIL")


@case
def records_of_a_pause(p: Any, run: Any) -> Any:
    return _signal_records(p, run, "PAUSE")


@case
def records_of_a_retry_signal(p: Any, run: Any) -> Any:
    return _signal_records(p, run, "RETRY")


@case
def records_of_a_success_signal(p: Any, run: Any) -> Any:
    return _signal_records(p, run, "SUCCESS")


@case
def records_of_a_loop(p: Any, run: Any) -> Any:
    def loop() -> None:
        if p.context.get("task_loop_count", 1) < 3:
            raise p.engine.signals.LOOP()

    with p.Flow("f") as flow:
        p.task(loop)()
    return _logged(p, run, flow)


@case
def records_of_a_broken_handler(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a", state_handlers=[lambda task, old, new: 1 / 0])()
    return _logged(p, run, flow)


@case
def records_of_a_broken_trigger(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a", trigger=lambda upstream: 1 / 0)()
    return _logged(p, run, flow)


@case
def records_of_a_broken_flow_handler(p: Any, run: Any) -> Any:
    with p.Flow("f", state_handlers=[lambda flow, old, new: 1 / 0]) as flow:
        p.task(lambda: 1, name="a")()
    return _logged(p, run, flow)


@case
def records_of_a_timeout(p: Any, run: Any) -> Any:
    import time

    with p.Flow("f") as flow:
        p.task(lambda: time.sleep(2), name="a", timeout=1)()
    return _logged(p, run, flow)


@case
def logger_of_the_context(p: Any, run: Any) -> Any:
    def go() -> str:
        p.context.logger.info("from the context")
        p.context.logger.error("an error %s", 5)
        return str(p.context.logger.name)

    with p.Flow("f") as flow:
        p.task(go, name="my task")()
    return _logged(p, run, flow)


@case
def logger_of_a_class_task(p: Any, run: Any) -> Any:
    class Mine(p.Task):  # type: ignore[misc,name-defined]
        def run(self) -> None:
            self.logger.warning("from self.logger")

    with p.Flow("f") as flow:
        Mine(name="named")()
    return _logged(p, run, flow)


@case
def log_stdout(p: Any, run: Any) -> Any:
    def go() -> None:
        print("one line")
        print("two\nlines")

    with p.Flow("f") as flow:
        p.task(go, log_stdout=True)()
    return _logged(p, run, flow)


@case
def cache_miss_warns(p: Any, run: Any) -> Any:
    with p.Flow("f") as flow:
        p.task(lambda: 1, name="a", cache_for=timedelta(hours=1))()
    return _logged(p, run, flow)


@case
def record_attributes(p: Any, run: Any) -> Any:
    seen: Any = []

    class Catch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            keys = ("flow_name", "task_name", "task_slug")
            seen.append([record.getMessage()] + [getattr(record, key, None) for key in keys])
            seen[-1].append(
                [bool(getattr(record, k, None)) for k in ("flow_run_id", "task_run_id")]
            )

    with p.Flow("f") as flow:
        p.task(lambda: p.context.logger.info("hello"), name="a")()
    logger = p.module("utilities.logging").get_logger()
    handler = Catch()
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        run.state(flow)
    finally:
        logger.removeHandler(handler)
    return seen if run.executor_name == "local" else sorted(seen, key=repr)


@case
def get_logger_names(p: Any) -> Any:
    get_logger = p.module("utilities.logging").get_logger
    return [
        get_logger().name,
        get_logger("x").name,
        get_logger("x.y").name,
        get_logger("x").parent.name,
        get_logger() is get_logger(),
    ]


@case
def redirect_to_log(p: Any) -> Any:
    module = p.module("utilities.logging")
    with captured_logs(p) as records:
        stream = module.RedirectToLog(module.get_logger("out"))
        stream.write("text\n")
        stream.write("   \n")
        stream.write("")
        stream.flush()
    return records


@case
def temporary_logger_config(p: Any) -> Any:
    module = p.module("utilities.logging")
    logger = module.get_logger()
    before = logger.level
    with module.temporary_logger_config(level="ERROR") as inner:
        within = [inner.level, inner is logger]
    return [within, logger.level == before]


@case
def task_logger_names(p: Any) -> Any:
    return [
        p.Task(name="x").logger.name,
        p.Task().logger.name,
        p.task(lambda: 1, name="a b").logger.name,
        p.Flow("fl").logger.name,
    ]
