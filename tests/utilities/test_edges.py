"""Marks on values: what they say and how they nest."""

from __future__ import annotations

from typing import Any

import pytest

import prefectlite
from prefectlite.utilities.edges import EdgeAnnotation, flatten, mapped, unmapped


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (mapped([1]), {"mapped": True}),
        (unmapped([1]), {"mapped": False}),
        (flatten([1]), {"flattened": True}),
        (unmapped(flatten([1])), {"mapped": False, "flattened": True}),
        (flatten(unmapped([1])), {"flattened": True, "mapped": False}),
        (mapped(unmapped([1])), {"mapped": False}),
        (unmapped(mapped([1])), {"mapped": True}),
        (EdgeAnnotation([1]), {}),
    ],
)
def test_annotations(mark: Any, expected: dict[str, bool]) -> None:
    assert mark.annotations == expected
    assert mark.value == [1]


def test_one_marks_annotations_are_not_anothers() -> None:
    mark = unmapped(1)
    mark.annotations["flattened"] = True
    assert unmapped.annotations == {"mapped": False}
    assert unmapped(2).annotations == {"mapped": False}


def test_they_are_at_the_top() -> None:
    assert prefectlite.unmapped is unmapped
    assert prefectlite.mapped is mapped
    assert prefectlite.flatten is flatten


def test_a_mark_shows_its_value() -> None:
    assert repr(unmapped("x")) == "<unmapped: 'x'>"


def test_a_value_is_required() -> None:
    with pytest.raises(TypeError):
        unmapped()  # type: ignore[call-arg]
