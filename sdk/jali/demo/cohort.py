"""A made-up clinic: some 21,000 visits of 2,500 persons, each of whom comes 1 to 40 times.

Nobody here exists. The correlations are plausible, so that questions have answers worth looking at: weight rises with
height and age, the chance of diabetes with age and body mass index, and whoever has it comes more often, has a higher
HbA1c, and is prescribed other drugs. One visit in eight lacks the measurement. Some drugs are rare enough to point at a
person.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jali.demo.part import Part, read
from jali.wire.dataset import Card

SEED = 20_260_101
PERSONS, VISITS_MAX, READ = 2_500, 40, 8
"""READ of a person's visits count at most: more noise for more, and fewer would leave many visits out."""
SITES = {"north": 0.38, "south": 0.27, "east": 0.22, "harbour": 0.13}
DIABETES = ("metformin", "insulin glargine", "empagliflozin", "semaglutide", "gliclazide", "sitagliptin")
OTHERS = (
    "ramipril", "atorvastatin", "amlodipine", "ibuprofen", "pantoprazole", "metoprolol", "levothyroxine", "paracetamol",
    "salbutamol", "sertraline", "simvastatin", "hydrochlorothiazide", "bisoprolol", "citalopram", "prednisolone",
)  # fmt: skip
RARE = tuple(f"trial compound {number:03d}" for number in range(1, 41))
CARD = """\
name = "visits"
title = "Visits to a clinic, made up"
description = "One row is one visit. Bounds, categories and units are from the clinic's data dictionary."
population = "patients"
entity = "person"
max_rows = 8
rows = 14000

[columns.person]
type = "text"
meaning = "whose visit it is; never leaves"

[columns.site]
type = "category"
categories = ["north", "south", "east", "harbour"]
meaning = "where"
complete = true

[columns.age]
type = "integer"
lower = 18
upper = 100
unit = "years"
meaning = "age at the first visit"
complete = true

[columns.sex]
type = "category"
categories = ["F", "M"]
meaning = "as in the register"
complete = true

[columns.case]
type = "category"
categories = ["no", "yes"]
meaning = "has type 2 diabetes"
complete = true

[columns.height]
type = "number"
lower = 1.3
upper = 2.1
unit = "m"
meaning = "body height"
complete = true

[columns.weight]
type = "number"
lower = 35
upper = 180
unit = "kg"
meaning = "body weight at the visit"
complete = true

[columns.value]
type = "number"
lower = 3.5
upper = 14
unit = "%"
meaning = "HbA1c, long-term blood sugar; not measured at every visit"

[columns.drug]
type = "text"
meaning = "what was prescribed"
"""


def rows(seed: int = SEED) -> pd.DataFrame:
    """Return the visits; the same seed gives the same ones.

    >>> len(rows()), rows()["person"].nunique(), int(rows().groupby("person").size().max())
    (21290, 2500, 40)
    """
    draw = np.random.default_rng(seed)
    persons = _persons(draw)
    visits = persons.loc[np.repeat(persons.index, persons.pop("visits"))].reset_index(drop=True)
    size, case = len(visits), (visits["case"] == "yes").to_numpy()
    visits["weight"] = (visits["weight"] + draw.normal(0, 1.5, size)).round(1)
    far = np.where(visits["site"] == "harbour", 0.6, 0.0)
    usual = draw.normal(5.3, 0.3, size) + 0.006 * (visits["age"] - 57)
    visits["value"] = np.where(case, draw.normal(7.6, 1.1, size) + far, usual).clip(3.6, 13.9).round(1)
    visits.loc[draw.random(size) < 1 / 8, "value"] = np.nan
    visits["drug"] = _drugs(draw, case)
    return visits.sample(frac=1.0, random_state=np.random.default_rng(seed)).reset_index(drop=True)


def _persons(draw: np.random.Generator) -> pd.DataFrame:
    age = draw.normal(57, 17, PERSONS).clip(18, 98).round().astype(int)
    woman = draw.random(PERSONS) < 0.54
    height = np.where(woman, draw.normal(1.65, 0.065, PERSONS), draw.normal(1.78, 0.07, PERSONS)).clip(1.4, 2.05)
    index = (draw.gamma(14, 1.0, PERSONS) + 10.5 + 0.045 * (age - 18)).clip(16, 48)
    odds = -2.3 + 0.035 * (age - 57) + 0.16 * (index - 26)
    case = draw.random(PERSONS) < 1 / (1 + np.exp(-odds))
    often = 5.0 + 0.04 * (age - 18) + np.where(case, 6.0, 0.0)
    visits = (1 + draw.negative_binomial(1.6, 1.6 / (1.6 + often))).clip(1, VISITS_MAX)
    return pd.DataFrame(
        {
            "person": [f"p{number:05d}" for number in draw.permutation(PERSONS) + 10_000],
            "site": draw.choice(list(SITES), PERSONS, p=list(SITES.values())),
            "age": age,
            "sex": np.where(woman, "F", "M"),
            "case": np.where(case, "yes", "no"),
            "height": height.round(2),
            "weight": index * height**2,
            "visits": visits,
        }
    )


def _drugs(draw: np.random.Generator, case: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Return what is prescribed: the first of each list most often, and in one visit of 250 something rare."""

    def some(names: tuple[str, ...]) -> NDArray[np.str_]:
        shares = 1 / np.arange(1, len(names) + 1) ** 0.9
        return draw.choice(names, len(case), p=shares / shares.sum())

    usual = np.where(case & (draw.random(len(case)) < 0.6), some(DIABETES), some(OTHERS))
    return np.where(draw.random(len(case)) < 1 / 250, draw.choice(RARE, len(case)), usual)


def card() -> Card:
    """Return the public card as a node reads it."""
    return read(CARD)


def part(unit: str = "entity") -> Part:
    """Return the clinic: a privacy unit is a person ("entity"), or for comparison a single visit ("row")."""
    visits = rows()
    if unit == "row":
        card = CARD.replace(f'entity = "person"\nmax_rows = {READ}\nrows = 14000\n', "")
        return Part("Clinic", "clinic", visits, visits.head(0), len(visits), ".parquet", card)
    return Part("Clinic", "clinic", visits, visits.head(0), PERSONS, ".parquet", CARD, unit)
