"""What `snakemake --config` gave, read as the types that its keys want.

Snakemake hands values inside braces over as text: `--config 'demo={tracks: 10}'` arrives as {"tracks": "10"}.
"""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from abaw.config.base import Section


def typed(given: Mapping[str, Any], section: type[Section]) -> dict[str, Any]:
    """The values with text read as YAML where the key of the section does not take it as text.

    What fits no key, and text that cannot be read as what the key wants, is left as it is: the check of the whole
    configuration words it, and shows what was given.
    """
    fields = section.model_fields
    return {key: _typed(value, fields[key]) if key in fields else value for key, value in given.items()}


def _typed(value: Any, field: FieldInfo) -> Any:
    kind: Any = field.annotation
    if isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, Section):
        return typed(value, kind)
    if isinstance(value, Mapping) and get_origin(kind) is dict:
        inner = get_args(kind)[1]
        return {name: typed(part, inner) if isinstance(part, Mapping) else part for name, part in value.items()}
    if isinstance(value, str | list):
        return _first_that_fits(value, TypeAdapter(kind))
    return value


def _first_that_fits(value: str | list[Any], adapter: TypeAdapter[Any]) -> Any:
    """Nothing for `null`, the value as it came, or as YAML reads it; as it came where the key wants none of these."""
    for candidate in [*([None] if value == "null" else []), value, _read(value)]:
        try:
            adapter.validate_python(candidate, strict=True)
        except ValidationError:
            continue
        return candidate
    return value


def _read(value: str | list[Any]) -> Any:
    """Text as YAML reads it; each item of a list so."""
    if isinstance(value, list):
        return [_read(item) if isinstance(item, str | list) else item for item in value]
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
