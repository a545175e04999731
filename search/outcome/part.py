"""What every part of `summary.json` has in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen value with the documented fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
