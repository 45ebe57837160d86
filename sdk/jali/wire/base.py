"""The two kinds of message. A request is refused if it says more than was asked; a reply may say more later."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """What a caller sends: unknown fields and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """What a node answers: a newer node may add fields, an older SDK ignores them."""

    model_config = ConfigDict(extra="ignore", frozen=True)
