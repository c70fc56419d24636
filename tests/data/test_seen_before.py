from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.data.seen_before import KEPT, a_few_of, seen_of


def records(start: int, stop: int) -> list[TileRecord]:
    """Tiles whose hashes are spread as real ones are."""
    box = Box(0, 0, 1, 1)
    return [
        TileRecord(
            f"t{n}",
            "",
            "",
            "",
            box,
            "g",
            Split.TRAIN,
            Origin.REAL,
            (),
            (),
            sha256=f"{n * 2654435761 % 2**32:064x}"[::-1],
        )
        for n in range(start, stop)
    ]


def test_the_few_are_the_same_whatever_the_order_and_know_their_tiles():
    tiles = records(0, 500)
    few = a_few_of(tiles)
    assert len(few) == KEPT
    assert few == a_few_of(tiles[::-1])
    assert seen_of(tiles, few) == KEPT
    assert seen_of(records(500, 1000), few) == 0


def test_of_a_set_that_holds_a_part_of_them_about_that_share_is_seen():
    few = a_few_of(records(0, 1000))
    assert 20 <= seen_of(records(500, 1500), few) <= 44


def test_tiles_that_are_not_written_say_nothing():
    assert a_few_of([]) == []
    assert seen_of(records(0, 3), []) == 0
