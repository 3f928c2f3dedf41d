"""Painting in integers: textured ground, stamped shapes, pixel noise, for many images at once.

Nothing here is a float and nothing is drawn from a generator with state: callers hand in raw random words. Fixed-point
numbers carry their fractional bits in the name (`_q8`: 8 of them).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.data import shapes

Int = NDArray[np.int64]
Words = NDArray[np.uint64]

# A stamp's coverage of a pixel is counted in subpixels, 4 x 4 of them.
SUBPIXELS = 4
FULL_COVERAGE = SUBPIXELS * SUBPIXELS

_COSINES, _SINES = shapes.turn_table()
# Fractional bits of a position on a bitmap; a position is a cell number with these bits below it.
_CELL_BITS = 18


def below(words: Words, bound: Int | int) -> Int:
    """Map raw words to integers in [0, bound); bound < 2^31."""
    scaled = (words >> np.uint64(32)) * np.asarray(bound, dtype=np.uint64)
    return (scaled >> np.uint64(32)).astype(np.int64)


def between(words: Words, low: Int | int, high: Int | int) -> Int:
    """Map raw words to integers in [low, high]; the span is under 2^31."""
    return low + below(words, high - low + 1)


@dataclass(frozen=True)
class Stamps:
    """What to stamp, one entry a stamp, every array of shape (stamps,).

    `kind` indexes the bitmaps, `x_q8` and `y_q8` are the centre in pixels, `side_q8` is the side in pixels of the
    square of equal area, `turn` an angle in steps of `shapes.TURN`.
    """

    kind: Int
    x_q8: Int
    y_q8: Int
    side_q8: Int
    turn: Int


@dataclass(frozen=True)
class Bitmaps:
    """A set of shapes ready for stamping: cells (shapes * GRID * GRID,), and per shape its side in cells."""

    cells: NDArray[np.uint8]
    sides_q12: Int

    @classmethod
    def of(cls, table: dict[str, shapes.Bitmap]) -> "Bitmaps":
        """Lay the table's bitmaps end to end, in its order."""
        sides = [shapes.side(bitmap, fraction_bits=12) for bitmap in table.values()]
        return cls(np.concatenate([bitmap.ravel() for bitmap in table.values()]), np.array(sides))


def corners(stamps: Stamps, window: int) -> tuple[Int, Int]:
    """Row and column of the upper left pixel of each stamp's window; they may lie outside the image."""
    return (stamps.y_q8 >> 8) - window // 2, (stamps.x_q8 >> 8) - window // 2


def coverage(bitmaps: Bitmaps, stamps: Stamps, window: int) -> NDArray[np.uint8]:
    """How much of each pixel a stamp covers, 0 to FULL_COVERAGE; shape (stamps, window, window).

    Every subpixel's centre is turned back into the bitmap's own frame and looked up there.
    """
    across, down = _steps(bitmaps, stamps)
    row, column = corners(stamps, window)
    x, y = ((column << 8) - stamps.x_q8), ((row << 8) - stamps.y_q8)
    pixel = np.arange(window, dtype=np.int64)[None, :] << 8
    right, lower = x[:, None] + pixel, y[:, None] + pixel
    u = _outer_sum(right * across[:, None], lower * down[:, None])
    v = _outer_sum(-right * down[:, None], lower * across[:, None])
    covered = np.zeros(u.shape, dtype=np.uint8)
    first_cell = (stamps.kind << (2 * shapes.GRID_BITS)).astype(np.int32)[:, None, None]
    for sub_y in range(SUBPIXELS):
        for sub_x in range(SUBPIXELS):
            off_x, off_y = ((2 * sub + 1) * 256 // (2 * SUBPIXELS) for sub in (sub_x, sub_y))
            cell = _cell(u, off_x * across + off_y * down, v, off_y * across - off_x * down)
            covered += bitmaps.cells[cell + first_cell]
    return covered


def _steps(bitmaps: Bitmaps, stamps: Stamps) -> tuple[Int, Int]:
    """Movement on the bitmap for 1/256 pixel on the image, times cosine and sine, with `_CELL_BITS` fractional bits."""
    cells_per_pixel_q12 = (bitmaps.sides_q12[stamps.kind] << 8) // stamps.side_q8
    shift = shapes.TURN_FRACTION_BITS + 12 - (_CELL_BITS - 8)
    return (
        (_COSINES[stamps.turn] * cells_per_pixel_q12) >> shift,
        (_SINES[stamps.turn] * cells_per_pixel_q12) >> shift,
    )


def _outer_sum(along_row: Int, along_column: Int) -> NDArray[np.int32]:
    """(n, w) and (n, w) to (n, w, w), moved so that the bitmap's centre has its true cell number."""
    centre = np.int32(shapes.GRID // 2 << _CELL_BITS)
    return along_row.astype(np.int32)[:, None, :] + (along_column.astype(np.int32) + centre)[:, :, None]


def _cell(u: NDArray[np.int32], du: Int, v: NDArray[np.int32], dv: Int) -> NDArray[np.int32]:
    """The cell's number in its bitmap; what lies off the grid wraps to its far side, which is as empty."""
    column = (u + du.astype(np.int32)[:, None, None]) >> _CELL_BITS
    row = (v + dv.astype(np.int32)[:, None, None]) >> (_CELL_BITS - shapes.GRID_BITS)
    return (row & (shapes.GRID - 1 << shapes.GRID_BITS)) | (column & (shapes.GRID - 1))


def lattice(points: NDArray[np.int16], spacing: int) -> NDArray[np.int32]:
    """Smooth fields through random points: (n, g, g) to (n, size, size) with size = (g - 1) * spacing.

    Bilinear; the result is the points' value times spacing squared, so that nothing is rounded.
    """
    rows = _between_points(points.astype(np.int32), spacing)
    return _between_points(rows.swapaxes(1, 2), spacing).swapaxes(1, 2)


def _between_points(points: NDArray[np.int32], spacing: int) -> NDArray[np.int32]:
    n, count, width = points.shape
    weight = np.arange(spacing, dtype=np.int32)[None, None, :, None]
    before, after = points[:, :-1, None, :], points[:, 1:, None, :]
    return (before * (spacing - weight) + after * weight).reshape(n, (count - 1) * spacing, width)


def stripes(size: int, turn: Int, period: Int, phase_q8: Int) -> NDArray[np.int32]:
    """Triangle waves from -64 to 64 across the images; turn, period in pixels and phase in 1/256 periods, all (n,)."""
    along_x = (_COSINES[turn] // period)[:, None, None] * np.arange(size)[None, None, :]
    along_y = (_SINES[turn] // period)[:, None, None] * np.arange(size)[None, :, None]
    wave = ((along_x + along_y) >> (shapes.TURN_FRACTION_BITS - 8)) + phase_q8[:, None, None]
    triangle: NDArray[np.int32] = (np.abs((wave & 255) - 128) - 64).astype(np.int32)
    return triangle


def blend(
    canvas: NDArray[np.int16],
    image: Int,
    corner: tuple[Int, Int],
    covered: NDArray[np.uint8],
    colour: Int,
) -> None:
    """Paint stamps into `canvas` (n, channels, height, width) in place, at most one stamp an image.

    `image` (stamps,) says which image, `corner` where its window begins on the canvas, `colour` is (stamps, channels).
    """
    row, column, span = *corner, np.arange(covered.shape[1])
    rows, columns = (row[:, None] + span)[:, None, :, None], (column[:, None] + span)[:, None, None, :]
    place = (image[:, None, None, None], np.arange(canvas.shape[1])[None, :, None, None], rows, columns)
    ground = canvas[place]
    towards = (colour.astype(np.int16)[:, :, None, None] - ground) * covered[:, None].astype(np.int16)
    canvas[place] = ground + (towards >> 4)


def grain(words: Words, sigma_q8: int) -> NDArray[np.int16]:
    """Noise with standard deviation `sigma_q8` / 256 from the sum of four random bytes; two values a word."""
    pairs = words.astype("<u8").view("<u4")
    halves = (pairs & np.uint32(0x00FF00FF)) + ((pairs >> np.uint32(8)) & np.uint32(0x00FF00FF))
    total = ((halves & np.uint32(0xFFFF)) + (halves >> np.uint32(16))).astype(np.int32)
    # The sum has mean 510 and standard deviation sqrt(4 * (256^2 - 1) / 12) = 147.8; 65536 / 147.8 = 443.
    gain_q16 = (sigma_q8 * 443) >> 8
    return (((total - 510) * gain_q16 + (1 << 15)) >> 16).astype(np.int16)
