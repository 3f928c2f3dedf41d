"""Where things lie in a results folder."""

from pathlib import Path

import pytest

from ablate.errors import ResultsError
from ablate.records import checkpoint_path, failure_path, finished_keys, log_path, record_path, set_aside

KEY = "0123456789abcdef" * 4


def test_each_kind_has_its_folder() -> None:
    folder = Path("results/toy")
    paths = [place(folder, KEY) for place in (record_path, failure_path, log_path, checkpoint_path)]
    assert [path.relative_to(folder).as_posix() for path in paths] == [
        f"records/{KEY}.json",
        f"failures/{KEY}.json",
        f"logs/{KEY}.log",
        f"checkpoints/{KEY}.pt",
    ]


def test_finished_is_what_has_a_file_of_the_right_name(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for name in (f"{KEY}.json", f".{KEY}.json.0-1-2.partial", f".{'a' * 64}.json", f"{'b' * 64}.txt"):
        (tmp_path / "records" / name).write_text("")
    assert finished_keys(tmp_path) == {KEY}


class TestSetAside:
    def test_a_damaged_record_is_kept_apart(self, tmp_path: Path) -> None:
        record_path(tmp_path, KEY).parent.mkdir()
        record_path(tmp_path, KEY).write_bytes(b"half")
        place = set_aside(tmp_path, KEY)
        assert place == tmp_path / "damaged" / f"{KEY}.json"
        assert place.read_bytes() == b"half"
        assert finished_keys(tmp_path) == set()

    def test_an_earlier_one_is_never_replaced(self, tmp_path: Path) -> None:
        record_path(tmp_path, KEY).parent.mkdir()
        names = []
        for content in (b"first", b"second", b"third"):
            record_path(tmp_path, KEY).write_bytes(content)
            names.append(set_aside(tmp_path, KEY).name)
        assert names == [f"{KEY}.json", f"{KEY}-2.json", f"{KEY}-3.json"]
        assert [(tmp_path / "damaged" / name).read_bytes() for name in names] == [b"first", b"second", b"third"]

    def test_a_folder_where_a_record_should_be_goes_too(self, tmp_path: Path) -> None:
        record_path(tmp_path, KEY).mkdir(parents=True)
        assert set_aside(tmp_path, KEY).is_dir()

    def test_what_is_gone_already_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError, match=rf"records/{KEY}\.json: cannot be moved to .*damaged.*\(No such file"):
            set_aside(tmp_path, KEY)
