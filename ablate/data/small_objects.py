"""`small_objects`: ten classes of small shapes on busy ground, made here, the same bytes on every machine.

One shape of random place, size and colour, turned by up to 34 degrees either way, lies on a textured ground among
smaller pieces that belong to no class; noise covers all of it. Colour, ground, clutter and area tell nothing about the
class: only the shape does. It is meant for questions about what a network does with few pixels, on a machine that has
no data and no network.

All of it is integer arithmetic on raw words of counter-based streams named by (seed, split, block), so no rounding mode
and no library version can change a byte; the golden digest in the tests holds it to that.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.data import painting, shapes
from ablate.data.types import DataInfo, Split, SplitName
from ablate.errors import DataError
from ablate.randomness import permutation, words
from ablate.schema import DataConfig

# Raise this when the same parameters would give other bytes.
GENERATOR_VERSION = 1

IMAGE_SIZE = 32
CHANNELS = 3
IMAGES = 5000  # of each split
# Pixels between an object and the border: as many as a random crop shifts, so that no crop cuts an object.
CLEARANCE = 4

_BLOCK = 250  # images made at a time, so that they stay in the cache
_MARGIN = 16  # pixels around the canvas on which windows may stick out
_CLASSES = painting.Bitmaps.of(shapes.CLASSES)
_CLUTTER = painting.Bitmaps.of(shapes.CLUTTER)
_REACH_Q8 = max(shapes.reach(bitmap, fraction_bits=8) for bitmap in shapes.CLASSES.values())
_CLUTTER_REACH_Q8 = max(shapes.reach(bitmap, fraction_bits=8) for bitmap in shapes.CLUTTER.values())

# Sides relative to `object_size`, of 256.
_SMALLEST_SCALE, _LARGEST_SCALE = 218, 294
_LARGEST_TURN = 24  # either way, of shapes.TURN: 34 degrees
_CONTRAST = (64, 112)  # grey levels between a colour and its ground, in each channel
_CLUTTER_SIDES_Q8 = (448, 896)
_SPACINGS = (32, 8, 4)


@dataclass(frozen=True)
class Range:
    """What a parameter may be, and what it is unless stated."""

    default: float
    low: float
    high: float
    unit: str


PARAMETERS = {
    "object_size": Range(8.0, 4.0, 10.0, "pixels, the side of the square with the mean object's area"),
    "clutter": Range(3.0, 0.0, 12.0, "mean number of small pieces on an image"),
    "noise": Range(12.0, 0.0, 64.0, "grey levels of 255, the standard deviation of a pixel's noise"),
}


@dataclass(frozen=True)
class Rendered:
    """A split with what lies behind it: `coverage` (n, height, width), the object's share of a pixel in sixteenths."""

    split: Split
    coverage: NDArray[np.uint8]


@dataclass(frozen=True)
class _Recipe:
    """The parameters in fixed point, 8 fractional bits."""

    object_size_q8: int
    clutter_q8: int
    noise_q8: int


def describe(config: DataConfig) -> DataInfo:
    """Facts of the set; raises `DataError` for a parameter out of its range."""
    parameters(config)
    return DataInfo(config.name, len(shapes.CLASSES), IMAGE_SIZE, CHANNELS, IMAGES, IMAGES, "crop_flip")


def digest(config: DataConfig) -> str:
    """Digest of the parameters, seed and generator version, which fix the bytes; raises `DataError` as `describe`."""
    identity = {
        "name": config.name,
        "generator_version": GENERATOR_VERSION,
        "seed": config.seed,
        **parameters(config),
    }
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def load(config: DataConfig, split: SplitName) -> Split:
    """Make a split: 5,000 images (5000, 3, 32, 32), 500 of each class; raises `DataError` as `describe`."""
    return render(config, split).split


def parameters(config: DataConfig) -> dict[str, float]:
    """The set's own parameters, defaults filled in; one out of its range raises `DataError`."""
    stated = {"object_size": config.object_size, "clutter": config.clutter, "noise": config.noise}
    return {name: _within(name, value) for name, value in stated.items()}


def _within(name: str, value: float | None) -> float:
    allowed = PARAMETERS[name]
    if value is None:
        return allowed.default
    if allowed.low <= value <= allowed.high:
        return float(value)
    raise DataError(
        f"data.{name} is {value:g}, but small_objects takes {allowed.low:g} to {allowed.high:g} ({allowed.unit})"
    )


def render(config: DataConfig, split: SplitName) -> Rendered:
    """Make a split and keep the objects' coverage beside it; raises `DataError` as `describe`."""
    recipe = _Recipe(*(round(value * 256) for value in parameters(config).values()))
    labels = permutation(IMAGES, "small_objects labels", config.seed, split) % len(shapes.CLASSES)
    images = np.empty((IMAGES, CHANNELS, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    covered = np.empty((IMAGES, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    for start in range(0, IMAGES, _BLOCK):
        block = slice(start, start + _BLOCK)
        source = _Source(config.seed, split, start)
        images[block], covered[block] = _render_block(recipe, labels[block], source)
    return Rendered(Split(images, labels), covered)


@dataclass(frozen=True)
class _Source:
    """Random words of one block of images; each use has its own stream."""

    seed: int
    split: SplitName
    start: int

    def draw(self, purpose: str, *shape: int) -> painting.Words:
        stream = words(int(np.prod(shape)), f"small_objects {purpose}", self.seed, self.split, self.start)
        return stream.reshape(shape)


def _render_block(
    recipe: _Recipe, labels: NDArray[np.int64], source: _Source
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    base = painting.between(source.draw("ground colour", len(labels), CHANNELS), 96, 160)
    canvas = _ground(base, source)
    _scatter_clutter(canvas, base, recipe, source)
    covered = _place_objects(canvas, base, labels, recipe, source)
    inner = slice(_MARGIN, _MARGIN + IMAGE_SIZE)
    picture = canvas[:, :, inner, inner]
    picture = picture + painting.grain(source.draw("noise", picture.size // 2), recipe.noise_q8).reshape(picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), covered[:, inner, inner]


def _ground(base: painting.Int, source: _Source) -> NDArray[np.int16]:
    """Canvases (n, channels, size, size) with margins: a colour, a gradient, blotches of two scales, stripes."""
    n = len(base)
    texture = np.zeros((n, IMAGE_SIZE, IMAGE_SIZE), dtype=np.int32)
    for spacing in _SPACINGS:
        points = IMAGE_SIZE // spacing + 1
        heights = painting.between(source.draw(f"lattice {spacing}", n, points, points), -128, 127).astype(np.int16)
        strength = painting.between(source.draw(f"strength {spacing}", n), 8, 40).astype(np.int32)
        texture += (painting.lattice(heights, spacing) // spacing**2 * strength[:, None, None]) >> 7
    texture += _stripes(n, source)
    tint = painting.between(source.draw("tint", n, CHANNELS), 128, 256).astype(np.int32)
    inner = slice(_MARGIN, _MARGIN + IMAGE_SIZE)
    canvas = np.zeros((n, CHANNELS, IMAGE_SIZE + 2 * _MARGIN, IMAGE_SIZE + 2 * _MARGIN), dtype=np.int16)
    canvas[:, :, inner, inner] = base[:, :, None, None] + ((texture[:, None] * tint[:, :, None, None]) >> 8)
    return canvas


def _stripes(n: int, source: _Source) -> NDArray[np.int32]:
    draw = source.draw("stripes", 4, n)
    strength = painting.between(draw[0], -16, 16).clip(0)
    turn, period, phase = painting.below(draw[1], shapes.TURN), painting.between(draw[2], 4, 12), draw[3] >> 56
    waves = painting.stripes(IMAGE_SIZE, turn, period, phase.astype(np.int64))
    return (waves * strength.astype(np.int32)[:, None, None]) >> 6


def _contrasting(base: painting.Int, draw: painting.Words) -> painting.Int:
    """Colours lighter or darker than their ground in every channel; base (n, channels), draw (n, channels + 1)."""
    difference = painting.between(draw[:, 1:], *_CONTRAST)
    return np.where((draw[:, :1] >> np.uint64(63)) == 0, base + difference, base - difference)


def _place_objects(
    canvas: NDArray[np.int16], base: painting.Int, labels: NDArray[np.int64], recipe: _Recipe, source: _Source
) -> NDArray[np.uint8]:
    """Paint one object on each canvas and return its coverage (n, size, size), margins included."""
    n, size = len(labels), canvas.shape[-1]
    draw = source.draw("object", 4, n)
    side = (painting.between(draw[0], _SMALLEST_SCALE, _LARGEST_SCALE) * recipe.object_size_q8) >> 8
    nearest = (CLEARANCE << 8) + ((side * _REACH_Q8) >> 8) + 1
    x, y = (painting.between(word, nearest, (IMAGE_SIZE << 8) - nearest) for word in draw[1:3])
    turn = painting.between(draw[3], -_LARGEST_TURN, _LARGEST_TURN) % shapes.TURN
    stamps = painting.Stamps(labels, x, y, side, turn)
    window = _window((_LARGEST_SCALE * recipe.object_size_q8) >> 8, _REACH_Q8)
    covered = painting.coverage(_CLASSES, stamps, window)
    row, column = (corner + _MARGIN for corner in painting.corners(stamps, window))
    image = np.arange(n)
    painting.blend(canvas, image, (row, column), covered, _contrasting(base, source.draw("object colour", n, 4)))
    whole = np.zeros((n, size, size), dtype=np.uint8)
    span = np.arange(window)
    whole[image[:, None, None], (row[:, None] + span)[:, :, None], (column[:, None] + span)[:, None, :]] = covered
    return whole


def _scatter_clutter(canvas: NDArray[np.int16], base: painting.Int, recipe: _Recipe, source: _Source) -> None:
    """Paint small pieces: twice the mean number of places, each taken with probability one half or a little less."""
    places = -(-2 * recipe.clutter_q8 // 256)
    for place in range(places):
        draw = source.draw(f"clutter {place}", 6, len(base))
        image = np.flatnonzero(painting.below(draw[0], 256 * places) < recipe.clutter_q8)
        kind, x, y, side, turn = draw[1:, image]
        stamps = painting.Stamps(
            kind=painting.below(kind, len(shapes.CLUTTER)),
            x_q8=painting.below(x, IMAGE_SIZE << 8),
            y_q8=painting.below(y, IMAGE_SIZE << 8),
            side_q8=painting.between(side, *_CLUTTER_SIDES_Q8),
            turn=painting.below(turn, shapes.TURN),
        )
        window = _window(_CLUTTER_SIDES_Q8[1], _CLUTTER_REACH_Q8)
        row, column = (corner + _MARGIN for corner in painting.corners(stamps, window))
        colour = _contrasting(base, source.draw(f"clutter colour {place}", len(base), 4))[image]
        painting.blend(canvas, image, (row, column), painting.coverage(_CLUTTER, stamps, window), colour)


def _window(side_q8: int, reach_q8: int) -> int:
    """Pixels across a window that holds every stamp of that side, wherever its centre lies within a pixel."""
    return 2 * (((side_q8 * reach_q8) >> 16) + 2)
