"""Ledgers of both kinds, and shelves without records folders."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from postgres import new_database

from ablate.ledger import Agreement, Claim, Ledger, Place, View, file_place, server_place

AGREED = Agreement({"train": {"lr": 0.1}}, "d" * 64, {"data_digest": {"toy": "t1"}, "torch": {"version": "2.15"}})


@dataclass
class Shelf:
    """Records that are texts in a dictionary."""

    records: dict[str, str] = field(default_factory=dict)

    def value(self, key: str) -> float | None:
        return 0.5 if key in self.records else None

    def text(self, key: str) -> str:
        return self.records[key]


@dataclass
class Site:
    """A place for ledgers of one study, and what Optuna itself says is in it."""

    place: Place
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def agreement(self) -> Agreement | None:
        return None if self.place.kind == "file" else AGREED

    def open(self, place: Place | None = None, shelf: Shelf | None = None, **options: Any) -> Ledger:
        return Ledger(place or self.place, "toy", shelf or self.shelf, agreement=self.agreement, **options)

    @property
    def url(self) -> str:
        return self.place.url.render_as_string(hide_password=False)

    @contextmanager
    def study(self) -> Iterator[optuna.Study]:
        """The study, as Optuna alone gives it."""
        storage = optuna.storages.RDBStorage(self.url)
        yield optuna.load_study(
            study_name="toy" if self.agreement is None else self.agreement.name("toy"), storage=storage
        )
        storage.remove_session()
        storage.engine.dispose()

    def trials(self) -> list[FrozenTrial]:
        with self.study() as study:
            return study.get_trials()

    def states(self) -> list[tuple[str, TrialState]]:
        return [(trial.user_attrs["key"], trial.state) for trial in self.trials()]

    def keys(self, state: TrialState) -> list[str]:
        return [key for key, found in self.states() if found == state]

    def drain(self, ledger: Ledger, *keys: str, fails: Counter[str] | None = None) -> list[str]:
        """Run `keys` as an engine does until all have a record; the keys in the order in which they ran."""
        ran = []
        while (claim := ledger.claim(first_of(keys, self.shelf))) is not None:
            ran.append(claim.key)
            if fails is not None and fails[claim.key]:
                fails[claim.key] -= 1
                ledger.fail(claim, "no luck")
            else:
                self.finish(ledger, claim)
        return ran

    def finish(self, ledger: Ledger, claim: Claim) -> str | None:
        self.shelf.records[claim.key] = f"record of {claim.key}"
        return ledger.complete(claim)


def first_of(keys: Any, shelf: Shelf) -> Callable[[View], str | None]:
    """Chooses the first of `keys` that nobody works on and that has no record."""
    return lambda view: next((key for key in keys if key not in view.running and key not in shelf.records), None)


@pytest.fixture
def file_site(tmp_path: Path) -> Site:
    return Site(file_place(tmp_path / "results"))


@pytest.fixture
def server_site(tmp_path: Path) -> Site:

    return Site(server_place(tmp_path / "results", new_database()))


@pytest.fixture(params=["file", "server"])
def site(request: pytest.FixtureRequest) -> Site:
    return request.getfixturevalue(f"{request.param}_site")  # type: ignore[no-any-return]
