"""What signatures of many modules name: an array, and what a function gives."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray

Array = NDArray[Any]
Result = TypeVar("Result")
