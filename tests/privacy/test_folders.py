"""A table in parts: a folder of CSV or Parquet files is one table, registered as it is."""

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jali.wire.dataset import Column
from jali.wire.statistics import Mean, ValueCounts
from jali_node.errors import DatasetChanged, InvalidRequest

COLUMNS = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="site", type="category", categories=("north", "south")),
)
ROWS = [(i % 90, ("north", "south", "moon")[i % 3]) for i in range(300)]


def written(folder: Path, suffix: str, parts: int = 3) -> Path:
    """Write the rows in parts, one of them in a folder of its own and with its columns the other way round."""
    for part in range(parts):
        inner = folder / "later" if part == 1 else folder
        inner.mkdir(parents=True, exist_ok=True)
        rows = ", ".join(f"({age}, '{site}')" for age, site in ROWS[part::parts])
        order = "site, age" if part == 1 else "age, site"
        options = "(HEADER)" if suffix == "csv" else ""
        with duckdb.connect() as connection:
            select = f"SELECT {order} FROM (VALUES {rows}) AS rows (age, site)"  # noqa: S608
            connection.execute(f"COPY ({select}) TO '{inner}/part-{part}.{suffix}' {options}")
    (folder / "_SUCCESS").touch()
    (folder / ".part.crc").touch()
    return folder


def registered(laboratory: Any, path: Path, columns: tuple[Column, ...] = COLUMNS) -> Any:
    return laboratory.warehouse.register(f"ver_{abs(hash(path)):x}", path, columns)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_counts_as_one_file_of_all_its_rows(laboratory: Any, tmp_path: Path, suffix: str) -> None:
    whole = registered(laboratory, written(tmp_path / "one", suffix, parts=1))
    parts = registered(laboratory, written(tmp_path / "many", suffix))
    for statistic in (Mean(column="age"), ValueCounts(column="site")):
        assert laboratory.measured(statistic, parts) == laboratory.measured(statistic, whole)
    assert laboratory.measured(ValueCounts(column="site"), parts)["categories:site"][0] == [100, 100, 100]


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "rewritten"])
def test_a_folder_that_is_no_longer_the_same_is_noticed(laboratory: Any, tmp_path: Path, change: str) -> None:
    folder = written(tmp_path / "many", "parquet")
    table, part = registered(laboratory, folder), folder / "part-0.parquet"
    table.refuse_if_changed()
    os.utime(part)
    table.refuse_if_changed()  # touched, and still the same rows
    match change:
        case "added":
            (folder / "part-9.parquet").write_bytes(part.read_bytes())
        case "removed":
            part.unlink()
        case "renamed":
            part.rename(folder / "part-8.parquet")
            os.utime(folder / "part-8.parquet")
        case _:
            part.write_bytes((folder / "part-2.parquet").read_bytes())
    with pytest.raises(DatasetChanged):
        table.refuse_if_changed()


def test_parts_that_differ_in_a_column_s_type_are_refused_by_name(laboratory: Any, tmp_path: Path) -> None:
    """Read together, values would be cast to the first part's type, and one that does not fit would be an error."""
    folder = written(tmp_path / "many", "parquet")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'old' AS age, 'north' AS site) TO '{folder}/part-9.parquet'")
    with pytest.raises(InvalidRequest, match=r"one type of column age in all files.*INTEGER and VARCHAR") as refused:
        registered(laboratory, folder)
    assert refused.value.field == "columns.age"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_part_that_lacks_a_declared_column_is_refused(laboratory: Any, tmp_path: Path, suffix: str) -> None:
    folder = written(tmp_path / "many", suffix)
    options = "(HEADER)" if suffix == "csv" else ""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS age) TO '{folder}/part-9.{suffix}' {options}")
    with pytest.raises(InvalidRequest, match="declares column site"):
        registered(laboratory, folder)


def test_a_folder_of_both_kinds_or_of_none_is_refused(laboratory: Any, tmp_path: Path) -> None:
    folder = written(tmp_path / "many", "parquet")
    (folder / "more.csv").write_text("age,site\n1,north\n")
    with pytest.raises(InvalidRequest, match=r"one kind of file in the folder, got \.csv and \.parquet"):
        registered(laboratory, folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="a folder of them"):
        registered(laboratory, tmp_path / "empty")
