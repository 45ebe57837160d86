"""Keeps a database of today's revision for test_upgrades: `python -m pytest tests/migration/keep.py`.

Run it before the next migration is written, with the code that the revision is released with.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from jali_node.actions.operations.migrate import head

RELEASED = Path(__file__).parent / "released"
ROWS = [{"age": 30 + i % 40, "weight": 70.0, "site": "north", "note": None} for i in range(40)]


def test_keep(build_house: Any) -> None:
    house = build_house(rows=ROWS, units=40)
    house.grant()
    for statistic in ({"kind": "count"}, {"kind": "mean", "column": "age"}):
        assert house.ask(statistic, 0.3).status_code == 200
    house.request(0.5)
    with closing(sqlite3.connect(house.folder / "node.db")) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        found = {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')]  # noqa: S608
            for (name,) in names
            if name != "alembic_version" and not name.startswith("sqlite_")
        }
    for row in found["version"]:
        row["path"] = f"/srv/node/{Path(row['path']).name}"
    tables = [
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
        for name, rows in found.items()
        if rows
    ]
    (RELEASED / f"{head()}.json").write_text("{\n" + ",\n".join(tables) + "\n}\n", encoding="utf-8")
