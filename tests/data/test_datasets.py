import subprocess
import sys
from pathlib import Path

import pytest

from ablate.data import DATASETS
from ablate.lookup import load_dotted
from ablate.schema import DataConfig


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry_is_whole(name: str) -> None:
    entry = DATASETS[name]
    assert entry.summary
    assert len(entry.summary) < 110
    assert "\n" not in entry.summary
    assert set(entry.fields) <= set(DataConfig.model_fields)
    assert callable(load_dotted(entry.load))
    assert entry.fetch is None or callable(load_dotted(entry.fetch))


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "image_folder"])
def test_facts_need_no_files(name: str, tmp_path: Path) -> None:
    facts = DATASETS[name].describe(DataConfig(name=name, root=tmp_path))
    assert facts.name == name
    assert f"{facts.image_size}x{facts.image_size} {'RGB' if facts.channels == 3 else 'grey'}" in DATASETS[name].summary
    assert f"{facts.train_images:,} + {facts.test_images:,}" in DATASETS[name].summary


def test_the_table_is_free_of_torch() -> None:
    probe = "import sys, ablate.data; print(sorted({'torch', 'torchvision'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
