"""Token prices: a dated file that ships with the package, and the user's own on top of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ground.problems import describe_problems
from llm_clients.errors import LLMConfigurationError
from llm_clients.request import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, without discounts for caching or batches."""

    input_per_million: float
    output_per_million: float

    @property
    def is_free(self) -> bool:
        """Whether any number of tokens costs nothing."""
        return self.input_per_million == self.output_per_million == 0.0

    def cost(self, usage: Usage) -> float:
        """The cost in US dollars."""
        return (usage.input_tokens * self.input_per_million + usage.output_tokens * self.output_per_million) / 1e6


class PriceEntry(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_per_million: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output_per_million: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PriceBook(BaseModel):
    """A price file.

    Attributes:
        as_of: the day on which the prices were read. They are for the standard tier and for prompts below the vendor's
            long-context surcharge.
        sources: where they were read.
        models: prices by the name that is sent to the vendor; OpenRouter's names contain a slash.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: datetime.date
    sources: tuple[str, ...] = ()
    models: Mapping[str, PriceEntry]

    def price(self, model: str) -> Price | None:
        """The price under the exact name, else under the name without its snapshot date; None if neither is listed."""
        entry = self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))
        return None if entry is None else Price(entry.input_per_million, entry.output_per_million)


def load_prices(override: Path | None = None) -> PriceBook:
    """Load the shipped prices, overridden by those of the user's file.

    Raises:
        LLMConfigurationError: the file cannot be used; the message names it and what is wrong in it.
    """
    shipped = _shipped()
    if override is None:
        return shipped
    own = _read(override)
    return PriceBook(as_of=own.as_of, sources=own.sources, models={**shipped.models, **own.models})


_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


@cache
def _shipped() -> PriceBook:
    text = resources.files("llm_clients").joinpath("prices.json").read_text(encoding="utf-8")
    return PriceBook.model_validate_json(text)


def _read(path: Path) -> PriceBook:
    try:
        return PriceBook.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LLMConfigurationError(f"cannot read the price file {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LLMConfigurationError(f"{str(path)!r} is not a price file: it is not text in UTF-8") from None
    except ValidationError as error:
        wrong = describe_problems(error, "the file", most=1)
        example = '{"as_of": "2026-11-06", "models": {"NAME": {"input_per_million": 1, "output_per_million": 5}}}'
        raise LLMConfigurationError(
            f"{str(path)!r} is not a price file: {wrong}. It would look like {example}"
        ) from None
