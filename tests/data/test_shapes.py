import math

import numpy as np
import pytest

from ablate.data import painting, shapes

SIDE, WINDOW = 24, 80


def stamp(turns: np.ndarray, kind: int) -> np.ndarray:
    """One class at a large size in each of `turns`; (turns, WINDOW, WINDOW)."""
    same = np.ones(len(turns), dtype=np.int64)
    stamps = painting.Stamps(kind * same, same << 14, same << 14, same * SIDE << 8, turns)
    bitmaps = painting.Bitmaps.of(shapes.CLASSES)
    return painting.coverage(bitmaps, stamps, WINDOW).astype(np.int64)


def overlap(one: np.ndarray, others: np.ndarray) -> float:
    """The best intersection over union of `one` with any of `others`."""
    return float((np.minimum(one, others).sum((1, 2)) / np.maximum(one, others).sum((1, 2))).max())


def test_the_turn_table_is_cosine_and_sine() -> None:
    cosines, sines = shapes.turn_table()
    angles = 2 * np.pi * np.arange(shapes.TURN) / shapes.TURN
    unit = 1 << shapes.TURN_FRACTION_BITS
    assert np.abs(cosines - unit * np.cos(angles)).max() <= 0.51
    assert np.abs(sines - unit * np.sin(angles)).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("disc", math.pi * 80**2),
        ("ring", math.pi * (100**2 - 62**2)),
        ("square", 160**2),
        ("triangle", 192 * 168 / 2),
        ("cross", 5 * 64**2),
        ("bar", 220 * 84),
        ("corner", 2 * 111**2 - 2 * 67**2),
        ("hourglass", 150 * 190 / 2),
    ],
)
def test_areas_are_those_of_geometry(name: str, area: float) -> None:
    cells = int(shapes.CLASSES[name].sum())
    assert cells == pytest.approx(area / 4, rel=0.01)  # a cell is two units wide
    assert shapes.side(shapes.CLASSES[name], fraction_bits=12) / 4096 == pytest.approx(math.sqrt(area) / 2, rel=0.006)


@pytest.mark.parametrize("name", [*shapes.CLASSES, *shapes.CLUTTER])
def test_shapes_stay_within_their_reach_and_the_radius(name: str) -> None:
    bitmap = {**shapes.CLASSES, **shapes.CLUTTER}[name]
    rows, columns = np.nonzero(bitmap)
    farthest = np.hypot(rows - (shapes.GRID - 1) / 2, columns - (shapes.GRID - 1) / 2).max()
    assert farthest <= shapes.RADIUS / 2
    claimed = shapes.reach(bitmap, fraction_bits=8) / 256
    assert farthest / math.sqrt(bitmap.sum()) < claimed < farthest / math.sqrt(bitmap.sum()) + 0.05


@pytest.mark.parametrize("kind", range(len(shapes.CLASSES)), ids=list(shapes.CLASSES))
def test_no_class_is_another_turned_or_mirrored(kind: int) -> None:
    upright = stamp(np.array([0]), kind)[0]
    every_turn = np.arange(shapes.TURN)
    mirrored = upright[:, ::-1]
    for other in range(len(shapes.CLASSES)):
        turned = stamp(every_turn, other)
        if other == kind:
            assert overlap(mirrored, turned) > 0.95  # its own mirror image: a flip keeps the class
        else:
            assert max(overlap(upright, turned), overlap(mirrored, turned)) < 0.9


def test_classes_are_symmetric_left_to_right() -> None:
    for name, bitmap in shapes.CLASSES.items():
        differing = (bitmap != bitmap[:, ::-1]).sum()
        assert differing < 0.01 * bitmap.sum(), name


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    straight, turned = stamp(np.array([0, shapes.TURN // 4]), list(shapes.CLASSES).index("triangle"))
    assert overlap(np.rot90(straight, -1), turned[None]) > 0.98
