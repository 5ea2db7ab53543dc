"""The baseline that trains nothing: the pretrained backbone, on tasks that need no head."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Untrained(Method):
    """Adapts no site, and trains no head."""

    adapts_sites: ClassVar[bool] = False
    trains_head: ClassVar[bool] = False
