"""The RAND Health Insurance Experiment, divided over three insurers.

20,190 person-years (rows carry no id of a person, so the privacy unit is the row), bundled with statsmodels; see
Newhouse and the Insurance Experiment Group 1993, "Free for All?". The split is by coinsurance, so the parts differ: the
more people pay themselves, the less often they see a doctor.
"""

import numpy as np
import pandas as pd
from statsmodels.datasets import randhie

from jali.demo.part import Part, read
from jali.wire.dataset import Card

DATASET = "doctor_visits"
HELD_BACK, SEED = 0.2, 1
BOUNDED = ("visits", "chronic", "incentive")
CARD = """\
name = "doctor_visits"
title = "Visits to a doctor in a year, RAND Health Insurance Experiment"
description = "One row is one person's year. Bounds and categories are from the experiment's codebook."
population = "insured_years"

[columns.visits]
type = "integer"
lower = 0
upper = 80
unit = "visits"
meaning = "outpatient visits to a doctor"

[columns.chronic]
type = "number"
lower = 0
upper = 60
unit = "points"
meaning = "index of chronic diseases"

[columns.incentive]
type = "number"
lower = 0
upper = 8
unit = "log dollars"
meaning = "log of the yearly incentive to take part"

[columns.coinsurance]
type = "number"
lower = 0
upper = 5
unit = "log percent"
meaning = "log of the share that people pay themselves"

[columns.deductible]
type = "number"
lower = 0
upper = 9
unit = "log dollars"
meaning = "log of the most that people pay themselves in a year"

[columns.individual]
type = "category"
categories = ["no", "yes"]
meaning = "pays for single visits, up to a limit of their own"

[columns.health]
type = "category"
categories = ["excellent", "good", "fair", "poor"]
meaning = "health as its owner rates it"

[columns.limited]
type = "category"
categories = ["no", "yes"]
meaning = "has a physical limitation"
"""


def parts() -> tuple[Part, Part, Part]:
    """Return the three insurers' tables, a fifth of each held back."""
    raw = randhie.load_pandas().data
    rows = pd.DataFrame(
        {
            "visits": raw["mdvis"].astype(int),
            "chronic": raw["disea"],
            "incentive": raw["lpi"],
            "coinsurance": raw["lncoins"],
            "deductible": raw["fmde"],
            "individual": raw["idp"].map({0: "no", 1: "yes"}),
            "health": "excellent",
            "limited": "no",
        }
    )
    for column, rating in (("hlthg", "good"), ("hlthf", "fair"), ("hlthp", "poor")):
        rows.loc[raw[column] == 1, "health"] = rating
    rows.loc[raw["physlm"] > 0.5, "limited"] = "yes"
    back = pd.Series(np.random.default_rng(SEED).random(len(rows)) < HELD_BACK, index=rows.index)
    pays = raw["lncoins"]

    def part(name: str, folder: str, mine: "pd.Series[bool]", units: int, suffix: str) -> Part:
        return Part(name, folder, rows[mine & ~back], rows[mine & back], units, suffix, CARD)

    return (
        part("Free Plan", "free-plan", pays == 0, 8_800, ".parquet"),
        part("Shared Cost", "shared-cost", (pays > 0) & (pays < 4), 4_400, ".parquet"),
        part("High Deductible", "high-deductible", pays >= 4, 3_000, ".csv"),
    )


def card() -> Card:
    """Return the public card as the nodes read it."""
    return read(CARD)
