"""What every host that joins a study on a shared ledger must have in common with those before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.errors import LedgerError

Fields = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Agreement:
    """`base` is the study before any factor varies it, by section; `digest` stands for it in the ledger's name.

    `host` is what could make one machine's trials another's: digests of data, precision, torch's minor version.
    """

    base: Fields
    digest: str
    host: Fields

    def name(self, study: str) -> str:
        """Under which the ledger holds `study`; a study's name has no `@`."""
        return f"{study}@{self.digest[:12]}"

    def as_attributes(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"base": {**self.base}, "host": {**self.host}}


def refuse_other_base(place: str, study: str, agreed: Agreement, stored: Mapping[str, Any]) -> None:
    """Raise `LedgerError` when the ledger's study of this name begins with another base."""
    different = difference(stored["base"], agreed.base)
    if different:
        raise LedgerError(
            f"{place}: holds another study called {study!r}: {different}; give this one another name, or another ledger"
        )


def refuse_other_host(place: str, agreed: Agreement, stored: Mapping[str, Any]) -> None:
    """Raise `LedgerError` when this host would not train as those that joined before it."""
    different = difference(stored["host"], agreed.host)
    if different:
        raise LedgerError(
            f"{place}: this host cannot join the study: on those that began it {different} here; make them alike, or "
            "run it under another name"
        )


def difference(before: Fields, now: Fields) -> str:
    """The first field that `before` and `now` do not share, as `section.field was X and is Y`; else nothing.

    A data set that only one of them names is no difference: a further level may bring its own.
    """
    for section, fields in before.items():
        for name in dict.fromkeys((*fields, *now[section])) if section in now else ():
            was, has = fields.get(name, "absent"), now[section].get(name, "absent")
            if was != has and not (section == "data_digest" and "absent" in (was, has)):
                return f"{section}.{name} was {was!r} and is {has!r}"
    return ""
