"""Run the differential suite: ``python -m compat [--module M] [--case TEXT] [--executors E,E]``.

Exit status: 0 when every difference is explained, 1 when one is not, 2 when a side cannot run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import pkgutil
import subprocess
import sys
import tempfile
from typing import Any

from compat import cases, harness
from compat.environment import prefect_python

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "compat" / ".cache"
Key = tuple[str, str, str]


def run_side(python: str, package: str, plan: list[Key]) -> dict[Key, Any]:
    """Run the plan with one interpreter; a case that hangs or dies is recorded and stepped over."""
    observed: dict[Key, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = side_environment(folder)
        remaining = list(plan)
        while remaining:
            plan_file, output = pathlib.Path(folder, "plan.json"), pathlib.Path(folder, "out.jsonl")
            plan_file.write_text(json.dumps(remaining))
            output.write_text("")
            ended = subprocess.run(
                [python, "-m", "compat.side", package, str(output), "--plan", str(plan_file)],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for line in output.read_text().splitlines():
                module, name, executor, value = json.loads(line)
                observed[module, name, executor] = value
            remaining = [key for key in remaining if key not in observed]
            if os.environ.get("COMPAT_TRACEBACK"):
                print(ended.stderr)
            if remaining:
                reason = ended.stderr.strip().splitlines()[-1:] or [f"status {ended.returncode}"]
                observed[remaining.pop(0)] = {"side died": reason[0]}
                if "Timeout" in ended.stderr:
                    observed[next(reversed(observed))] = {"side died": "hung"}
    return observed


def side_environment(folder: str) -> dict[str, str]:
    """An environment in which neither side reads or writes anything of the user's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")}
    return {**kept, "HOME": folder, "PYTHONHASHSEED": "0"}


def reference(plan: list[Key], python: str, refresh: bool) -> dict[Key, Any]:
    """Prefect's side; kept on disk, and run again only for modules whose text has changed."""
    observed: dict[Key, Any] = {}
    for module in sorted({key[0] for key in plan}):
        digest = hashlib.sha256()
        files = ["harness.py", "side.py", f"cases/{module}.py"]
        for file in [*files, "generated.py"] if module == "generated_flows" else files:
            digest.update((ROOT / "compat" / file).read_bytes())
        stored = CACHE / f"{module}-{digest.hexdigest()[:16]}.json"
        known: dict[str, Any] = {}
        if stored.exists() and not refresh:
            known = json.loads(stored.read_text())
        wanted = [key for key in plan if key[0] == module and "|".join(key) not in known]
        if wanted:
            fresh = run_side(python, "prefect", wanted)
            known.update({"|".join(key): value for key, value in fresh.items()})
            CACHE.mkdir(exist_ok=True)
            for old in CACHE.glob(f"{module}-*.json"):
                old.unlink()
            stored.write_text(json.dumps(known))
        observed.update({key: known["|".join(key)] for key in plan if key[0] == module})
    return observed


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two observations differ, a line for each place."""
    if type(left) is type(right) and isinstance(left, dict):
        lines = []
        for key in sorted({*left, *right}):
            if key not in left or key not in right:
                side = "prefectlite" if key not in left else "prefect"
                lines.append(f"{path}.{key}: only on {side}: {left.get(key, right.get(key))!r}")
            else:
                lines += differences(left[key], right[key], f"{path}.{key}")
        return lines
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            line
            for index, pair in enumerate(zip(left, right))
            for line in differences(*pair, path=f"{path}[{index}]")
        ]
    return [] if left == right or same_gist(left, right) else [f"{path}: {left!r} != {right!r}"]


def same_gist(left: Any, right: Any) -> bool:
    """Whether a sentence of Prefect's is there, with more around it (names, the way out)."""
    if not (isinstance(left, str) and isinstance(right, str)) or " " not in left:
        return False
    return len(left) >= 15 and left.rstrip(".!").lower() in right.lower()


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m compat", description=__doc__)
    parser.add_argument("--module", action="append", help="a module of compat.cases")
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--executors", default="none,local,threads,dask")
    parser.add_argument("--refresh", action="store_true", help="run Prefect's side again")
    parser.add_argument("--only-prefect", action="store_true", help="print Prefect's observations")
    parser.add_argument("--python", default=sys.executable, help="interpreter with prefectlite")
    parser.add_argument("--verbose", action="store_true", help="print every case")
    return parser.parse_args()


def make_plan(arguments: argparse.Namespace) -> tuple[list[Key], dict[tuple[str, str], Any]]:
    """What to run, and the cases by module and name."""
    modules = arguments.module or sorted(m.name for m in pkgutil.iter_modules(cases.__path__))
    wanted = arguments.executors.split(",")
    plan: list[Key] = []
    known: dict[tuple[str, str], Any] = {}
    for module in modules:
        for item in harness.cases_of(module):
            if arguments.case and arguments.case not in item.name:
                continue
            known[module, item.name] = item
            plan += [(module, item.name, e) for e in item.executors if e in wanted]
    return plan, known


def main() -> int:
    """Run both sides, compare and report."""
    arguments = parse()
    plan, known = make_plan(arguments)
    left = reference(plan, prefect_python(), arguments.refresh)
    if arguments.only_prefect:
        for key in plan:
            print(*key, json.dumps(left[key]))
        return 0
    right = run_side(arguments.python, "prefectlite", plan)
    broken = [key for key in plan if isinstance(left[key], dict) and "case raised" in left[key]]
    for key in broken:
        print(f"broken case: {key[0]}.{key[1]} [{key[2]}]", left[key], sep="\n    ")
    counts = {"equal": 0, "differs on purpose": 0, "differs": 0, "no longer differs": 0}
    for key in plan:
        found = differences(left[key], right[key])
        expected = known[key[:2]].differs_on(key[2])
        if found:
            verdict = "differs on purpose" if expected else "differs"
        else:
            verdict = "no longer differs" if expected else "equal"
        counts[verdict] += 1
        if verdict in ("differs", "no longer differs") or arguments.verbose:
            print(f"{verdict}: {key[0]}.{key[1]} [{key[2]}]", *found[:6], sep="\n    ")
        if verdict == "differs on purpose" and arguments.verbose:
            print("    because:", known[key[:2]].differs)
    names = {key[:2] for key in plan}
    print(
        f"{len(names)} cases, {len(plan)} runs: " + ", ".join(f"{n} {k}" for k, n in counts.items())
    )
    return 1 if broken or counts["differs"] or counts["no longer differs"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
