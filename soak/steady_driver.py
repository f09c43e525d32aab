"""The process that runs flows one after the other: `python -m soak.steady_driver ADDRESS FOLDER`.

It ends when there is a file `stop` in the folder. The number of flows that it ran is in `count`.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sys
from pathlib import Path

from prefectlite.engine.state import Mapped, State
from prefectlite.executors import DaskExecutor
from soak.flows import Places, build
from soak.shapes import draw_shape
from soak.values import expected

# so many different flows, again and again
SHAPES = 40


def value_of(state: State) -> object:
    """A state's value, element by element."""
    if isinstance(state, Mapped):
        return [value_of(each) for each in state.map_states]
    return state.result


def main() -> None:
    address, folder = sys.argv[1], Path(sys.argv[2])
    executor = DaskExecutor(address)
    for number in itertools.count():
        if (folder / "stop").exists():
            return
        made = folder / f"flow-{number}"
        for name in ("effects", "once", "results"):
            (made / name).mkdir(parents=True)
        places = Places(str(made / "effects"), str(made / "once"), str(made / "results"))
        shape = draw_shape(random.Random(number % SHAPES), ("local",))
        flow = build(shape, places, "steady")
        state = flow.run(executor=executor)
        assert state is not None
        right = expected(shape)
        for task in flow.tasks:
            found = value_of(state.result[task])
            assert found == right[int(task.name[1:])], (number, task.name, found)
        shutil.rmtree(made)
        shutil.rmtree(folder / "runs", ignore_errors=True)
        (folder / "count").write_text(str(number + 1))


if __name__ == "__main__":
    main()
