"""What a function's code does with names, the same for every version of Python."""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator

Step = tuple[str, object]

_SILENT = frozenset(
    {
        "CACHE",
        "COPY_FREE_VARS",
        "EXTENDED_ARG",
        "MAKE_CELL",
        "NOP",
        "NOT_TAKEN",
        "PRECALL",
        "PUSH_NULL",
        "RESUME",
    }
)
_SAME = {
    "LOAD_FAST_AND_CLEAR": "LOAD_FAST",
    "LOAD_FAST_BORROW": "LOAD_FAST",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": "LOAD_FAST_LOAD_FAST",
    "LOAD_FAST_CHECK": "LOAD_FAST",
    "LOAD_CLASSDEREF": "LOAD_DEREF",
    "LOAD_FROM_DICT_OR_DEREF": "LOAD_DEREF",
    "LOAD_FROM_DICT_OR_GLOBALS": "LOAD_GLOBAL",
    "LOAD_METHOD": "LOAD_ATTR",
    "LOAD_NAME": "LOAD_GLOBAL",
    "LOAD_SMALL_INT": "LOAD_CONST",
    "STORE_NAME": "STORE_GLOBAL",
}


def steps_of(code: types.CodeType) -> list[Step]:
    """A code's instructions as pairs of operation and argument, without those that do nothing.

    Operations that only differ in how fast they are have one name; those that stand for two are
    two. The last step is followed by one without effect.
    """
    steps = [step for instruction in dis.get_instructions(code) for step in _steps(instruction)]
    return [*steps, ("END", None)]


def _steps(instruction: dis.Instruction) -> Iterator[Step]:
    operation = _SAME.get(instruction.opname, instruction.opname)
    if operation in _SILENT:
        return
    argument = instruction.argval
    first, found, second = operation.partition("_FAST_")
    if found and isinstance(argument, tuple) and len(argument) == 2:
        # such as STORE_FAST_LOAD_FAST
        yield f"{first}_FAST", argument[0]
        yield second, argument[1]
        return
    if operation.startswith("BINARY_OP") and instruction.argrepr == "[]":
        operation = "BINARY_SUBSCR"
    yield operation, argument


def codes_within(code: types.CodeType) -> Iterator[types.CodeType]:
    """The codes of the functions, comprehensions and classes that a code makes."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant


# what may follow at once when a container is loaded that is only read
_READS = frozenset({"GET_ITER", "CONTAINS_OP"})
_INDICES = frozenset({"LOAD_FAST", "LOAD_CONST", "LOAD_DEREF", "LOAD_GLOBAL"})
READING_FUNCTIONS = frozenset(
    {"enumerate", "iter", "len", "list", "max", "min", "set", "sorted", "sum", "tuple"}
)


def is_read_only(steps: list[Step], position: int) -> bool:
    """Whether a container that is loaded at a position is gone through, searched or indexed.

    Args:
        steps: The steps of a code.
        position: That of the last step of the load.
    """
    after, then = steps[position + 1][0], steps[min(position + 2, len(steps) - 1)][0]
    if after in _READS or (after in _INDICES and then == "BINARY_SUBSCR"):
        return True
    before, name = steps[position - 1] if position else ("", None)
    return after.startswith("CALL") and before == "LOAD_GLOBAL" and name in READING_FUNCTIONS
