"""Pickling what plain pickle cannot: functions and classes of a script, a notebook or a closure."""

from __future__ import annotations

import collections
import functools
import io
import types
from collections.abc import Collection
from typing import Any, ClassVar

from prefectlite.utilities.context import context


def dumps_by_value(value: Any, functions: Collection[types.FunctionType] = ()) -> bytes:
    """Pickle a value with cloudpickle, so that another process can load and run it.

    Args:
        value: What to pickle. References to ``prefectlite.context`` mean, where they are loaded,
            the context of that process.
        functions: Functions that travel with their code, and what they name, though they could be
            imported by their names where they are loaded.

    Returns:
        The bytes, for `pickle.loads`.

    Raises:
        Exception: Something in it cannot be pickled.
    """
    file = io.BytesIO()
    pickler = _pickler()(file, protocol=5)
    pickler.whole = {id(function) for function in functions}
    pickler.dump(value)
    return file.getvalue()


def this_context() -> Any:
    """The context of this process and thread; what a pickled reference to it turns into."""
    return context


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    reduce_plainly = cloudpickle.Pickler.dispatch_table[types.CodeType]

    def reduce_code(code: types.CodeType) -> Any:
        # From 3.1.3 on cloudpickle leaves out the file that a function is from, and with it the
        # source lines of each traceback through the function.
        build, parts = reduce_plainly(code)
        named = (code.co_filename if part == "<dynamic-code>" else part for part in parts)
        return build, tuple(named)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table: ClassVar[Any] = collections.ChainMap(
            {types.CodeType: reduce_code}, cloudpickle.Pickler.dispatch_table
        )
        whole: Collection[int] = ()

        def reducer_override(self, obj: Any) -> Any:
            if obj is context:
                return this_context, ()
            if id(obj) in self.whole and isinstance(obj, types.FunctionType):
                return self._dynamic_function_reduce(obj)
            return super().reducer_override(obj)

    return Pickler
