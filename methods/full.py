"""The baseline that trains every weight of the backbone, and the head. Each run needs a backbone to itself."""

from dataclasses import dataclass
from typing import ClassVar

from methods.base import Method


@dataclass(frozen=True)
class Full(Method):
    """Adapts no site; trains the backbone itself."""

    adapts_sites: ClassVar[bool] = False
    trains_backbone: ClassVar[bool] = True
