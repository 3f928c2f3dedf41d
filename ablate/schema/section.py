"""What every part of a study file has in common: strict types, and mistakes that say where they stand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    create_model,
    model_serializer,
)

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the root of a study file to a value."""

T = TypeVar("T")


def all_distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise ValueError(f"names {repeated[0]!r} twice")
    return values


class Section(BaseModel):
    """Base of every part of the study file: frozen, strict, no unknown keys, no infinities."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    younger: ClassVar[frozenset[str]] = frozenset()
    """Fields that plans of older versions do not have. While one has its default it is not written, so that a plan, and
    every key made of it, stays what it was."""

    @model_serializer(mode="wrap")
    def _without_younger_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        defaults = {name: type(self).model_fields[name].default for name in self.younger}
        silent = {name for name, default in defaults.items() if getattr(self, name) == default}
        return {name: value for name, value in write(self).items() if name not in silent}


class Stored(Section):
    """What was written by a program: fields that are not known here are those of another version."""

    model_config = ConfigDict(extra="ignore")


def _stated(value: T | None) -> T:
    if value is None:
        raise ValueError("expected a value, not nothing; leave the key out")
    return value


WhereStated = Annotated[T | None, AfterValidator(_stated), Field(validate_default=False)]
"""A field that a file may leave out, as is asked by `in`, and that is never null."""

S = TypeVar("S", bound=Section)


def written_out(section: S) -> S:
    """`section`, of a file that is read as it stands: raises `ValueError` for a key that it has by default alone."""
    lacking = [name for name in type(section).model_fields if name not in section.model_fields_set | section.younger]
    if lacking:
        raise ValueError(f"the key {lacking[0]!r} is missing")
    return section


class SectionError(Exception):
    """A mapping is not what its section asks for; `details` are pydantic's, `section` is what was asked for."""

    def __init__(self, section: type[Section], details: list[Any]) -> None:
        super().__init__(f"{len(details)} mistakes in {section.__name__}")
        self.section = section
        self.details = details


def validated(section: type[S], data: Any) -> S:
    """`data`, as YAML gives it, as a `section`; raises `SectionError` with everything that is wrong with it."""
    try:
        return section.model_validate(data)
    except ValidationError as error:
        raise SectionError(section, error.errors(include_url=False)) from None


ARGUMENT_TYPES: Mapping[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "any": Any}


def argument_section(parameters: Sequence[Mapping[str, Any]], others: Literal["allow", "forbid"]) -> type[Section]:
    """The keyword arguments of a builder as a section: each of `parameters` has name, required, kind and choices."""
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        kind = (
            Literal[tuple(parameter["choices"])] if parameter["kind"] == "choice" else ARGUMENT_TYPES[parameter["kind"]]
        )
        default = ... if parameter["required"] else None
        # An argument may have a name that pydantic keeps for itself, so it is the alias.
        fields[f"argument{number}"] = (kind, Field(default, alias=parameter["name"], validate_default=False))
    return create_model("Arguments", __base__=_OpenSection if others == "allow" else Section, **fields)


class _OpenSection(Section):
    model_config = ConfigDict(extra="allow")


def keys_at(section: type[Section], data: Any, path: KeyPath) -> list[str]:
    """The keys that may stand in the mapping at `path` of `data`, a `section`: for instance those of ("claims", 0)."""
    annotation, kinds = section, None
    for part in path:
        if isinstance(part, str):
            annotation, kinds = _under(annotation, kinds, data, part)
        data = data[part]
    chosen = _section_for(data, list(_sections_in(annotation, kinds, data)))
    return [info.alias or name for name, info in chosen.model_fields.items()]


def _under(annotation: Any, kinds: Any, data: Mapping[str, Any], key: str) -> tuple[Any, Any]:
    """The annotation, and what tells its kinds apart, of what is at `key` of `data`: a section, or a mapping of names
    to sections."""
    sections = [each for each in _sections_in(annotation, kinds, data) if key in each.model_fields]
    if sections:
        field = _section_for(data, sections).model_fields[key]
        return field.annotation, field.discriminator
    return next(_values_in(annotation)), None


def _values_in(annotation: Any) -> Iterator[Any]:
    """What the mappings that `annotation` allows hold."""
    if get_origin(annotation) is dict:
        yield get_args(annotation)[1]
        return
    for each in get_args(annotation):
        yield from _values_in(each)


def _section_for(data: Mapping[str, Any], sections: Sequence[type[Section]]) -> type[Section]:
    """Which of `sections` `data` was taken for: where several are left, the one that it has most keys of."""
    return max(sections, key=lambda each: len(each.model_fields.keys() & data.keys()))


def _sections_in(annotation: Any, kinds: Any, data: Mapping[str, Any]) -> Iterator[type[Section]]:
    """Every section that `data` can be by `annotation`, or an entry of a list of it; of those that `kinds` tells apart,
    `data`'s own."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
        return
    if get_origin(annotation) is dict:
        return
    inner, notes = get_args(annotation), getattr(annotation, "__metadata__", ())
    if isinstance(kinds, Discriminator) and not notes:
        tag = kinds.discriminator(data) if callable(kinds.discriminator) else None
        inner = tuple(member for member in inner if Tag(f"{tag}") in getattr(member, "__metadata__", ()))
    known = next((note for note in notes if isinstance(note, Discriminator)), None)
    for each in inner:
        yield from _sections_in(each, known, data)
