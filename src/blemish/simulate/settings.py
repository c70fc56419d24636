"""What a simulated line looks like: every number that a user may turn, with its unit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from blemish.core.errors import InputError

LEAST_SIDE_PX = 128
_TALLEST = 4.5  # Of height to width: margins and seals go by the height,
_WIDEST_SEALS_PX = 1800  # up to this one.


@dataclass(frozen=True)
class LineSettings:
    """A simulated line; the defaults are the paper's scans (section IV.A, Table 3) and a line one would call ordinary.

    Raises:
        InputError: a scan under 128 px a side or so narrow that its seals leave no cup, or a share outside 0 to 1.

    Example:
        >>> LineSettings.small(640, 480).width_px
        640
    """

    width_px: int = 5400  # Along the table, one column a camera line.
    height_px: int = 2000  # Across the table, one row a sensor element.
    with_defects: bool = True  # False renders the same cells without their defects.
    clean_share: float = 0.25  # Share of cells without any defect.
    defects_per_cell: float = 14.0  # Mean number on a cell that has any.
    class_shares: tuple[float, ...] = (0.22, 0.02, 0.23, 0.46, 0.04, 0.03)  # Groove .. black dot, paper's Table 3.
    edge_share: float = 0.25  # Share of defects whose middle lies on a seal, tab or cup edge.
    faint_share: float = 0.18  # Share of defects with a contrast of only 1 to 2 times the local texture's deviation.
    contrast: float = 1.0  # Multiplies every defect's contrast; below 1 is a harder line.
    marks_per_mpx: float = 7.0  # Dust, dirt, fibres and scuffs that are no defect, per million pixels.
    light_frac: float = 0.22  # How far the light falls off from the brightest to the darkest place.
    jitter_px: float = 0.8  # Deviation of a camera line across the table.
    noise_gray: float = 2.4  # Deviation of the sensor's noise.

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < LEAST_SIDE_PX:
            raise InputError(
                f"a simulated scan must be at least {LEAST_SIDE_PX} x {LEAST_SIDE_PX} px, "
                f"got {self.width_px} x {self.height_px}: give a larger --size"
            )
        least_width_px = math.ceil(min(self.height_px, _WIDEST_SEALS_PX) / _TALLEST)
        if self.width_px < least_width_px:
            raise InputError(
                f"a simulated scan of {self.height_px} px height must be at least {least_width_px} px wide, or its "
                f"seals leave no cup, got {self.width_px}: give another --size"
            )
        for name in ("clean_share", "edge_share", "faint_share", "light_frac"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be a share from 0 to 1, got {getattr(self, name)}")
        if self.defects_per_cell < 1 or len(self.class_shares) != 6 or min(self.class_shares) < 0:
            raise InputError("defects_per_cell must be 1 or more, and class_shares six numbers of 0 or more")

    @classmethod
    def small(cls, width: int, height: int) -> LineSettings:
        """The same line with a smaller cell: texture and defects keep their size in px, a cell has fewer of them."""
        whole = cls()
        area_frac = width * height / (whole.width_px * whole.height_px)
        fewer = max(1.0, whole.defects_per_cell * min(1.0, math.sqrt(area_frac)))
        return replace(whole, width_px=width, height_px=height, defects_per_cell=fewer)


DEFAULT = LineSettings()
