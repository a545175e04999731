"""A YAML file of fields, read as data from anybody: it can be large, deep, or made to grow."""

from pathlib import Path
from typing import Any

import yaml

from search.errors import ConfigError

MOST_BYTES = 2**20


def read_fields(path: Path) -> dict[str, Any]:
    """Return the fields in a file by their names, with `_` for `-`.

    Raises:
        ConfigError: the file cannot be read, or does not contain fields.
    """
    text = _read(path)
    try:
        data = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except RecursionError:
        raise ConfigError(f"The configuration {str(path)!r} is nested too deeply for fields.") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        # What constructors raise for a tag that does not fit its value, as in `!!int x`.
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"The configuration {str(path)!r} is not valid YAML: {said}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"The configuration {str(path)!r} contains a {type(data).__name__}, not fields like `model: x`."
        )
    return {str(name).replace("-", "_"): value for name, value in data.items()}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1) if path.is_file() else None
    except OSError as error:
        raise ConfigError(f"The configuration {str(path)!r} cannot be read: {error.strerror}.") from None
    if content is None or len(content) > MOST_BYTES:
        raise ConfigError(f"The configuration {str(path)!r} is no file, or larger than 1 MiB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration {str(path)!r} is not text in UTF-8: {error.reason}.") from None


class _Loader(yaml.SafeLoader):
    """Without aliases, which let a few lines stand for billions, and with each field once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node that is no alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping without a key that is there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)
