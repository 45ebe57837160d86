"""The numbers that a dataset's columns become for a model."""

from collections.abc import Sequence

from jali import errors
from jali.eda.facts import Facts
from jali.wire.dataset import Picture
from jali.wire.features import Pixels, Way, column_of, names_of


def feature_names(facts: Facts, features: Sequence[str | Way]) -> tuple[str, ...]:
    """Return the numbers that columns become, in order: a model's inputs.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown: a column cannot be shown; it is named.
    """
    if isinstance(features, str) or not features:
        raise errors.InvalidRequest(f"features: expected a list of columns, got {features!r}", field="features")
    names: list[str] = []
    for feature in features:
        column = facts.feature(column_of(feature))
        try:
            names += names_of(feature, column)
        except ValueError as error:
            kind = errors.BoundsUnknown if "no bounds" in str(error) else errors.WrongColumnType
            ask = "; ask the owner to declare them" if kind is errors.BoundsUnknown else ""
            raise kind(f"features: {error}{ask}", field="features") from None
    return tuple(names)


def picture_shape(facts: Facts, features: Sequence[str | Way]) -> tuple[int, int, int] | None:
    """Return the form in which a model reads its features where they are one picture: channels, height, width."""
    shown = facts.feature(column_of(features[0]))
    return shown.shape if len(features) == 1 and isinstance(shown, Picture) else None


def as_pixels(facts: Facts, features: Sequence[str | Way]) -> list[str | Way]:
    """Return the same features, where pictures that are named say that it is their pixels that are shown."""
    return [
        Pixels(column=feature) if isinstance(feature, str) and isinstance(facts.feature(feature), Picture) else feature
        for feature in features
    ]
