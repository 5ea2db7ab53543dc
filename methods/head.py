"""The baseline that trains the classification head alone, on the unchanged backbone."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Head(Method):
    """Adapts no site."""

    adapts_sites: ClassVar[bool] = False
