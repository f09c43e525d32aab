"""Where a value is to be kept: templates filled in, and kept below the folder they belong to."""

from __future__ import annotations

import functools
import posixpath
import string
from collections.abc import Callable, Mapping
from typing import Any

from prefectlite.exceptions import LocationError, ResultError, UnknownTemplateKeyError
from prefectlite.utilities.error_kinds import also_as

_formatter = string.Formatter()


@functools.lru_cache(maxsize=1024)
def fields_of(template: str) -> frozenset[str]:
    """The keys that a template names, those within format specs included.

    Args:
        template: The template.

    Raises:
        ValueError: It is none.
    """
    found = set()
    for _, name, spec, _ in _formatter.parse(template):
        if name is not None:
            found.add(name.partition(".")[0].partition("[")[0])
            found.update(fields_of(spec or ""))
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def literal_folder(template: str) -> str:
    """The folders that a template begins with before anything is filled in."""
    literal = next((text for text, *_ in _formatter.parse(template)), "")
    return posixpath.dirname(literal)


def filled(template: str, values: Mapping[str, Any], owner: str = "") -> str:
    """Fill a template in.

    Args:
        template: The template.
        values: What it may name.
        owner: Whose template it is, for errors: "target of task 'load'".

    Raises:
        UnknownTemplateKeyError: It names a key that was not given; lists those that were.
        ValueError, TypeError: A value does not take the format that the template asks for.
        AttributeError: A value has no such attribute.
        IndexError: A key has no name.
    """
    try:
        return template.format(**values)
    except KeyError as error:
        named = f"the {owner}" if owner else "the location"
        known = ", ".join(sorted(str(name) for name in values)) or "none"
        raise UnknownTemplateKeyError(
            f"KeyError({error.args[0]!r}): {named}, {template!r}, names a key that there is not. "
            f"Known are: {known}."
        ) from None
    except Exception as error:
        named = f"The {owner}" if owner else "The location"
        # an IndexError for "{}", an AttributeError for what a value lacks
        known_kinds = (IndexError, AttributeError, TypeError)
        kind = type(error) if type(error) in known_kinds else ValueError
        raise kind(f"{named} {template!r} cannot be filled in: {error!r}") from error


def called(template: Callable[..., Any], values: Mapping[str, Any], owner: str = "") -> str:
    """Ask a callable for a location.

    Args:
        template: The callable.
        values: Its keywords.
        owner: Whose it is, for errors.

    Raises:
        LocationError: It raises.
        ResultError: It returns no text.
    """
    name = getattr(template, "__name__", type(template).__name__)
    named = f"The {owner}" if owner else "The location"
    try:
        location = template(**values)
    except Exception as error:
        raise also_as(
            LocationError,
            error,
            f"{named} could not be found: the function {name!r} that is to give it raised "
            f"{error!r}. It is called with every key of the context and every input of the task, "
            "so it should take **kwargs.",
        ) from error
    if not isinstance(location, str) or not location:
        raise ResultError(
            f"{named} could not be found: the function {name!r} that is to give it returned "
            f"{location!r}, and not a text. Have it return the location."
        )
    return location


def confine(
    template: str | None, location: str, values: Mapping[str, Any], base: str, owner: str = ""
) -> None:
    """Refuse a location that a value, and not its author, takes out of the folder.

    Args:
        template: What the location was filled in from; None where a callable gave it.
        location: The location, filled in.
        values: The values it was filled in with.
        base: The folder or prefix that relative locations belong to; "" for a bucket's root.
        owner: Whose location it is, for errors.

    Raises:
        ResultError: It leaves the folder.
    """
    if template == location or (".." not in location and not location.startswith("/")):
        return
    if template is None:
        if location.startswith("/") and not any(
            isinstance(value, str) and value.startswith("/") and location.startswith(value)
            for value in values.values()
        ):
            return
        root = base
    else:
        root = posixpath.normpath(posixpath.join(base, literal_folder(template)))
        if _is_inside(base, root):
            root = base
    reached = posixpath.normpath(posixpath.join(base, location))
    if _is_inside(root, reached):
        return
    named = f"The {owner}" if owner else "The location"
    raise ResultError(
        f"{named} leads out of {repr(root) if root else 'its bucket'}, to {reached!r}: a value "
        "that was filled in has '..' or an absolute path in it. Pass the name of a file only, or "
        "quote the value."
    )


def _is_inside(folder: str, path: str) -> bool:
    folder = posixpath.normpath(folder) if folder else "."
    path = posixpath.normpath(path)
    if folder in (".", "/"):
        outside = path.startswith("/") if folder == "." else not path.startswith("/")
        return not outside and path != ".." and not path.startswith("../")
    return path == folder or path.startswith(folder + "/")
