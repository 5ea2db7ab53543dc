"""The baseline that trains nothing: the backbone as it is, for tasks that it can do without a head."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Untrained(Method):
    """Adapts no site, and leaves a head as it was drawn."""

    adapts_sites: ClassVar[bool] = False
    trains_head: ClassVar[bool] = False
