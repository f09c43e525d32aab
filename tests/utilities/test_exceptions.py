"""The tree of errors: complete, as it is drawn, and able to travel."""

from __future__ import annotations

import importlib
import pickle

import pytest

from prefectlite import exceptions

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]


def drawn() -> dict[str, str]:
    """Each class of the drawing, with the one it hangs from."""
    assert exceptions.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in exceptions.__doc__.splitlines():
        name = line.strip(" │├└─").split(" ")[0]
        if not name.isidentifier() or (not hasattr(exceptions, name) and "Exception" not in name):
            continue
        depth = len(line) - len(line.lstrip(" │├└─"))
        while above and above[-1][0] >= depth:
            above.pop()
        if above and hasattr(exceptions, name):
            parents[name] = above[-1][1]
        above.append((depth, name))
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_has_a_message_and_pickles(kind: type[BaseException]) -> None:
    # Dask has exceptions pickled in a way of its own
    importlib.import_module("distributed")
    error = pickle.loads(pickle.dumps(kind("what happened")))
    assert type(error) is kind
    assert error.args == ("what happened",)
    assert str(kind()) == ""
    assert repr(kind("x")) == f"{kind.__name__}('x')"
    with pytest.raises(TypeError):
        kind("a", "b")


def test_signals_pass_an_except_exception() -> None:
    for kind in CLASSES:
        assert issubclass(kind, Exception) != issubclass(kind, exceptions.PrefectSignal)


def test_builtin_types_that_users_catch() -> None:
    assert issubclass(exceptions.ConfigurationError, ValueError)
    assert issubclass(exceptions.ParameterError, ValueError)
    assert issubclass(exceptions.SerializationError, TypeError)
    assert issubclass(exceptions.ResultNotFoundError, FileNotFoundError)
