"""Dictionaries with attribute access, and conversions between nested and flat ones."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

__all__ = [
    "CompoundKey",
    "DotDict",
    "as_nested_dict",
    "dict_to_flatdict",
    "flatdict_to_dict",
    "flatten_seq",
    "merge_dicts",
]

D = TypeVar("D", bound="MutableMapping[Any, Any]")


class DotDict(MutableMapping[str, Any]):
    """A mapping whose keys are attributes as well.

    Values are kept as they are: a plain dictionary inside stays one (see :func:`as_nested_dict`
    to convert at every level). A key that is also the name of a method hides that method.

    Args:
        init_dict: what to start with: a mapping or an iterable of pairs.
        **kwargs: further keys; they win over those of ``init_dict``.

    Example:
        >>> settings = DotDict({"level": 1}, name="a")
        >>> settings.level, settings["name"], settings.get("other", 0)
        (1, 'a', 0)
    """

    def __init__(self, init_dict: Any = None, **kwargs: Any) -> None:
        if init_dict is not None:
            self.__dict__.update(init_dict)
        self.__dict__.update(kwargs)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default`` where there is none."""
        return self.__dict__.get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.__dict__[key] = value

    def __delitem__(self, key: str) -> None:
        del self.__dict__[key]

    def __contains__(self, key: object) -> bool:
        return key in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __repr__(self) -> str:
        keys = ", ".join(sorted(repr(key) for key in self.__dict__))
        return f"<{type(self).__name__}: {keys}>" if keys else f"<{type(self).__name__}>"

    if TYPE_CHECKING:
        # The attributes are the keys; a type checker cannot know which there are.
        def __getattr__(self, name: str) -> Any: ...

    def copy(self) -> DotDict:
        """Return a shallow copy of the same class."""
        return type(self)(self.__dict__.copy())

    def to_dict(self) -> dict[str, Any]:
        """Return the same keys and values as plain dictionaries, nested ones included."""
        return cast("dict[str, Any]", as_nested_dict(self, dct_class=dict))


class CompoundKey(tuple[Any, ...]):
    """The path to a value in a nested dictionary, as one key of a flat dictionary.

    Example:
        >>> dict_to_flatdict({"a": {"b": 1}})
        {('a', 'b'): 1}
    """

    __slots__ = ()


def merge_dicts(d1: D, d2: MutableMapping[Any, Any]) -> D:
    """Merge two dictionaries at every level; where both have a value, that of ``d2`` wins.

    Args:
        d1: the dictionary to start from; it is not changed.
        d2: what to lay over it.

    Returns:
        A new dictionary of the class of ``d1``.

    Example:
        >>> merge_dicts({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
        {'a': {'b': 1, 'c': 3}}
    """
    merged = cast("D", d1.copy()) if hasattr(d1, "copy") else cast("D", dict(d1))
    for key, value in d2.items():
        current = merged.get(key)
        if isinstance(current, MutableMapping) and isinstance(value, MutableMapping):
            merged[key] = merge_dicts(current, value)
        else:
            merged[key] = value
    return merged


def as_nested_dict(obj: Any, dct_class: Callable[..., Any] = DotDict) -> Any:
    """Convert every dictionary in ``obj``, at every level, to ``dct_class``.

    Args:
        obj: a dictionary, or a list, tuple or set that holds some; anything else is returned
            as it is.
        dct_class: the class of the new dictionaries.

    Returns:
        The converted copy.

    Example:
        >>> as_nested_dict({"a": [{"b": 1}]}).a[0].b
        1
    """
    if isinstance(obj, (list, tuple, set)):
        converted = [as_nested_dict(item, dct_class) for item in obj]
        if hasattr(obj, "_fields"):
            return type(obj)(*converted)
        return type(obj)(converted)
    if isinstance(obj, (dict, DotDict)):
        return dct_class({key: as_nested_dict(value, dct_class) for key, value in obj.items()})
    return obj


def dict_to_flatdict(
    dct: MutableMapping[Any, Any], parent: CompoundKey | None = None
) -> dict[CompoundKey, Any]:
    """Flatten a nested dictionary to one level, keyed by :class:`CompoundKey`.

    Empty dictionaries inside leave nothing behind; a :class:`DotDict` inside stays as it is.

    Args:
        dct: the nested dictionary.
        parent: a path to put before each key.

    Returns:
        The flat dictionary.

    Example:
        >>> dict_to_flatdict({"a": {"b": 1, "c": {"d": 2}}})
        {('a', 'b'): 1, ('a', 'c', 'd'): 2}
    """
    flat: dict[CompoundKey, Any] = {}
    for key, value in dct.items():
        path = CompoundKey((*(parent or ()), key))
        if isinstance(value, dict):
            flat.update(dict_to_flatdict(value, parent=path))
        else:
            flat[path] = value
    return flat


def flatdict_to_dict(dct: dict[Any, Any], dct_class: type[Any] | None = None) -> Any:
    """Undo :func:`dict_to_flatdict`; keys of other types are taken over as they are.

    Args:
        dct: a dictionary keyed by :class:`CompoundKey`.
        dct_class: the class of the dictionaries to make; that of ``dct`` by default.

    Returns:
        The nested dictionary.

    Example:
        >>> flatdict_to_dict({CompoundKey(("a", "b")): 1})
        {'a': {'b': 1}}
    """
    make = dct_class or type(dct)
    nested = make()
    for key, value in dct.items():
        if not isinstance(key, CompoundKey):
            nested[key] = value
            continue
        level = nested
        for part in key[:-1]:
            level = level.setdefault(part, make())
        level[key[-1]] = value
    return nested


def flatten_seq(seq: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield the elements of nested iterables one by one; strings and bytes are elements.

    Args:
        seq: the iterable; iterables inside are opened at every depth.

    Returns:
        A generator of what is no iterable any more.

    Example:
        >>> list(flatten_seq([1, [2, (3, "abc")]]))
        [1, 2, 3, 'abc']
    """
    for item in seq:
        if isinstance(item, Iterable) and not isinstance(item, (str, bytes)):
            yield from flatten_seq(item)
        else:
            yield item
