"""Shapes as bitmaps, drawn and rotated in integers alone, so that every machine gets the same bits.

A shape is drawn once on a 512 x 512 grid of cells and afterwards only looked up, at any size and angle. Coordinates are
doubled (a cell's centre is an odd number from -511 to 511), which keeps the grid symmetric without fractions. Shapes
stay within `RADIUS`, a quarter of the grid, so that a window around a smaller, rotated copy still lies on the grid.
"""

import math

import numpy as np
from numpy.typing import NDArray

GRID_BITS = 9
GRID = 1 << GRID_BITS
RADIUS = GRID // 4

# A full turn has 256 steps; sines and cosines are integers with 14 fractional bits.
TURN = 256
TURN_FRACTION_BITS = 14

Bitmap = NDArray[np.uint8]
Vertex = tuple[int, int]

_COORDINATE = 2 * np.arange(GRID) - (GRID - 1)
_X, _Y = _COORDINATE[None, :], _COORDINATE[:, None]


def _disc(x: int, y: int, radius: int) -> NDArray[np.bool_]:
    return (_X - x) ** 2 + (_Y - y) ** 2 <= radius**2


def _polygon(*vertices: Vertex) -> NDArray[np.bool_]:
    """Even-odd filling; the edge test is multiplied out, so nothing is divided."""
    inside = np.zeros((GRID, GRID), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        crosses = (y1 > _Y) != (y2 > _Y)
        side = (_X - x1) * (y2 - y1) < (_Y - y1) * (x2 - x1)
        inside ^= crosses & (side if y2 > y1 else ~side)
    return inside


# The ten classes. Each is its own mirror image, left to right, so that a flip gives another picture of the same class,
# and none is a rotation of another.
CLASSES: dict[str, Bitmap] = {
    name: cells.astype(np.uint8)
    for name, cells in {
        "disc": _disc(0, 0, 80),
        "ring": _disc(0, 0, 100) & ~_disc(0, 0, 62),
        "square": _polygon((-80, -80), (80, -80), (80, 80), (-80, 80)),
        "triangle": _polygon((0, -112), (96, 56), (-96, 56)),
        "cross": _polygon(
            *[(-32, -96), (32, -96), (32, -32), (96, -32), (96, 32), (32, 32)],
            *[(32, 96), (-32, 96), (-32, 32), (-96, 32), (-96, -32), (-32, -32)],
        ),
        "star": _polygon(
            *[(0, -110), (27, -37), (105, -34), (43, 14), (65, 89)],
            *[(0, 46), (-65, 89), (-43, 14), (-105, -34), (-27, -37)],
        ),
        "bar": _polygon((-110, -42), (110, -42), (110, 42), (-110, 42)),
        "crescent": _disc(0, 0, 100) & ~_disc(0, 58, 74),
        "corner": _polygon((0, -111), (111, 0), (67, 44), (0, -23), (-67, 44), (-111, 0)),
        "hourglass": _polygon((-75, -95), (75, -95), (-75, 95), (75, 95)),
    }.items()
}

# What lies about on the ground: pieces that no class is made of, the same for every class.
CLUTTER: dict[str, Bitmap] = {
    name: cells.astype(np.uint8)
    for name, cells in {
        "blob": _disc(0, 0, 60) | _disc(45, 20, 40),
        "stroke": _polygon((-115, -14), (115, -14), (115, 14), (-115, 14)),
        "wedge": _polygon((-90, -40), (95, 0), (-90, 40)),
        "arc": _disc(-60, 0, 100) & ~_disc(-80, 0, 96),
        "chip": _polygon((-70, -60), (40, -80), (80, 30), (-20, 75)),
    }.items()
}


def side(bitmap: Bitmap, fraction_bits: int) -> int:
    """The side, in cells, of the square with the shape's area; an integer with `fraction_bits` fractional bits."""
    return math.isqrt(int(bitmap.sum()) << (2 * fraction_bits))


def reach(bitmap: Bitmap, fraction_bits: int) -> int:
    """The farthest cell from the centre, in units of the shape's `side`, rounded up; `fraction_bits` as there."""
    farthest = int(((_X**2 + _Y**2) * bitmap).max())
    half_cells = math.isqrt(farthest) + 2  # rounded up, and to the far corner of the cell
    return (half_cells << (2 * fraction_bits - 1)) // side(bitmap, fraction_bits) + 1


def turn_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cosines and sines of the steps of a turn, each (TURN,), with `TURN_FRACTION_BITS` fractional bits.

    The first step is written down with 40 fractional bits and multiplied up in Python's integers: no libm is asked,
    whose last bit differs between machines.
    """
    step_cosine, step_sine, bits = 1099180475430, 26983366121, 40
    cosine, sine = 1 << bits, 0
    cosines, sines = [], []
    for _ in range(TURN):
        cosines.append(_rounded(cosine, bits - TURN_FRACTION_BITS))
        sines.append(_rounded(sine, bits - TURN_FRACTION_BITS))
        cosine, sine = (
            _rounded(cosine * step_cosine - sine * step_sine, bits),
            _rounded(sine * step_cosine + cosine * step_sine, bits),
        )
    return np.array(cosines), np.array(sines)


def _rounded(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) >> bits
