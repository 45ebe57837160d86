"""The RAND Health Insurance Experiment, divided over three insurers.

20,190 person-years (rows carry no id of a person, so the privacy unit is the row), bundled with statsmodels; see
Newhouse and the Insurance Experiment Group 1993, "Free for All?". The split is by coinsurance, so the parts differ: the
more people pay themselves, the less often they see a doctor.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
from statsmodels.datasets import randhie

DATASET = "doctor_visits"
POPULATION = "insured_years"
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

[columns.health]
type = "category"
categories = ["excellent", "good", "fair", "poor"]
meaning = "health as its owner rates it"

[columns.limited]
type = "category"
categories = ["no", "yes"]
meaning = "has a physical limitation"
"""


@dataclass(frozen=True)
class Part:
    """One insurer: its name, its rows, and its public figure for how many there are."""

    name: str
    folder: str
    rows: pd.DataFrame
    units: int
    suffix: str

    def write(self, folder: Path) -> Path:
        """Write the rows to a file of the insurer's own kind."""
        path = folder / f"{DATASET}{self.suffix}"
        if self.suffix == ".csv":
            self.rows.to_csv(path, index=False)
        else:
            with duckdb.connect() as connection:  # of its own: insurers are furnished side by side
                connection.from_df(self.rows).write_parquet(str(path))
        return path


def parts() -> tuple[Part, Part, Part]:
    """Return the three insurers' tables: 10,997, 5,466 and 3,727 rows."""
    raw = randhie.load_pandas().data
    rows = pd.DataFrame(
        {
            "visits": raw["mdvis"].astype(int),
            "chronic": raw["disea"],
            "incentive": raw["lpi"],
            "health": "excellent",
            "limited": "no",
        }
    )
    for column, rating in (("hlthg", "good"), ("hlthf", "fair"), ("hlthp", "poor")):
        rows.loc[raw[column] == 1, "health"] = rating
    rows.loc[raw["physlm"] > 0.5, "limited"] = "yes"
    pays = raw["lncoins"]
    return (
        Part("Free Plan", "free-plan", rows[pays == 0], 11_000, ".parquet"),
        Part("Shared Cost", "shared-cost", rows[(pays > 0) & (pays < 4)], 5_500, ".parquet"),
        Part("High Deductible", "high-deductible", rows[pays >= 4], 3_700, ".csv"),
    )
