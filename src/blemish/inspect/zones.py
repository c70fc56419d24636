"""Zones of a part: where a place in mm lies, by boxes and polygons. Pure geometry, no part and no recipe."""

from __future__ import annotations

from collections.abc import Sequence

Point = Sequence[float]  # x, y in mm from the part's datum.


def in_box(place: Point, box: Sequence[float]) -> bool:
    """Whether a place lies in an upright box (x, y, width, height); its left and upper edge belong to it.

    Example:
        >>> in_box((5, 5), (0, 0, 10, 10)), in_box((10, 5), (0, 0, 10, 10))
        (True, False)
    """
    x, y, width, height = box
    return x <= place[0] < x + width and y <= place[1] < y + height


def in_polygon(place: Point, polygon: Sequence[Point]) -> bool:
    """Whether a place lies in a polygon, by the number of its sides that a line to the right crosses.

    Example:
        >>> in_polygon((1, 1), [(0, 0), (4, 0), (0, 4)]), in_polygon((3, 3), [(0, 0), (4, 0), (0, 4)])
        (True, False)
    """
    inside = False
    for (x0, y0), (x1, y1) in _sides(polygon):
        if (y0 > place[1]) != (y1 > place[1]) and place[0] < x0 + (place[1] - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


def polygon_fault(polygon: Sequence[Point]) -> str | None:
    """What is wrong with a polygon, in words; None where it is sound.

    Example:
        >>> polygon_fault([(0, 0), (4, 4), (4, 0), (0, 4)])
        'sides 1 and 3 cross each other'
    """
    if len(polygon) < 3:
        return f"a polygon needs 3 points or more, got {len(polygon)}"
    sides = _sides(polygon)
    for number, (start, end) in enumerate(sides, start=1):
        if tuple(start) == tuple(end):
            return f"points {number} and {number % len(sides) + 1} are the same"
    for i, one in enumerate(sides):
        for j in range(i + 2, len(sides)):
            if (i, j) != (0, len(sides) - 1) and _cross(*one, *sides[j]):
                return f"sides {i + 1} and {j + 1} cross each other"
    if abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in sides)) < 1e-9:
        return "all its points lie on one line"
    return None


def _sides(polygon: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments a-b and c-d share a point; those that only run along each other are left to the area."""
    return _turn(a, b, c) * _turn(a, b, d) <= 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
