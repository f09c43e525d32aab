"""Runs cases on one side and writes what was observed, a JSON line for each case and executor.

Started by ``python -m compat`` with the interpreter of that side.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import os
import pathlib
import sys
import tempfile
import warnings
from typing import Any

CASE_SECONDS = 240


def shared_address(kept: list[Any] = []) -> str:  # noqa: B006 - one cluster for the process
    """The address of a small in-process cluster, started at its first use."""
    if not kept:
        import distributed

        kept.append(
            distributed.LocalCluster(
                processes=False, n_workers=1, threads_per_worker=4, dashboard_address=None
            )
        )
    return str(kept[0].scheduler_address)


def observe(item: Any, package_name: str, executor: str) -> Any:
    """Run one case on one executor; what it returns, or the error it ended with."""
    from compat import harness

    before = pathlib.Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        os.chdir(folder)
        arguments = {"p": harness.Package(package_name)}
        if item.runs_flows:
            arguments["run"] = harness.Run(arguments["p"], executor, shared_address)
        if item.wants_folder:
            arguments["folder"] = folder
        arguments["p"].context.pop("caches", None)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                observed = harness.plain_keys(item.function(**arguments))
        except BaseException as error:
            observed = {"case raised": type(error).__name__, "text": str(error)[:300]}
            if os.environ.get("COMPAT_TRACEBACK"):
                import traceback

                traceback.print_exc()
        finally:
            os.chdir(before)
        return harness.normal(observed, package_name, folder)


def main() -> int:
    """Run the cases named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("output")
    parser.add_argument("--plan", required=True, help="JSON list of [module, case, executor]")
    arguments = parser.parse_args()
    with pathlib.Path(arguments.plan).open() as file:
        plan = json.load(file)
    from compat import harness

    logging.getLogger(arguments.package).setLevel("CRITICAL")
    found = {}
    for module in sorted({module for module, _, _ in plan}):
        found[module] = {item.name: item for item in harness.cases_of(module)}
    with pathlib.Path(arguments.output).open("a") as output:
        for module, name, executor in plan:
            faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
            harness.Package(arguments.package).module("utilities.logging").get_logger().setLevel(
                "CRITICAL"
            )
            observed = observe(found[module][name], arguments.package, executor)
            faulthandler.cancel_dump_traceback_later()
            output.write(json.dumps([module, name, executor, observed]) + "\n")
            output.flush()
    sys.stdout.flush()
    os._exit(0)  # a cluster of a finished run must not be able to hold up the comparison


if __name__ == "__main__":
    main()
