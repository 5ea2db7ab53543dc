"""The baseline that trains every weight of the backbone, and the head: one run a pass, the backbone is its own."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Full(Method):
    """Adapts no site: the backbone itself is what is trained."""

    adapts_sites: ClassVar[bool] = False
    trains_backbone: ClassVar[bool] = True
