"""The baseline that trains every weight of the backbone, and the head. One run at a time: the backbone is the run's own."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Full(Method):
    """Adapts no site: the backbone itself is what is trained."""

    adapts_sites: ClassVar[bool] = False
    trains_backbone: ClassVar[bool] = True
