"""The same summary without privacy: DuckDB with exact quantiles, one scan for all moments and quantiles."""

import duckdb
from measured import Answer, Task, bins_sql, run


def answer(task: Task, number: int) -> Answer:
    """Return the exact summary."""
    numbers, categories, group_by = task["numbers"], task["categories"], task["group_by"]
    with duckdb.connect(config={"threads": task["threads"]}) as connection:
        table = connection.read_parquet(task["table"])
        shown = ", ".join(
            f"count({name}), avg({name}), stddev_pop({name}), quantile_cont({name}, {task['levels']})"
            for name in numbers
        )
        row = table.aggregate(shown).fetchall()[0]
        found = {name: row[4 * i : 4 * i + 4] for i, name in enumerate(numbers)}
        histogram = {}
        for name, bounds in numbers.items():
            counts = dict(table.aggregate(f"{bins_sql(name, bounds, task['bins'])} as bin, count({name})").fetchall())
            histogram[name] = [counts.get(i, 0) for i in range(task["bins"])]
        counted = {name: dict(table.aggregate(f"{name}, count(*)").fetchall()) for name in categories}
        keys = ", ".join(group_by["keys"])
        groups = table.aggregate(f"{keys}, avg({group_by['of']})").fetchall()
    return {
        "count": row[0],
        "mean": {name: values[1] for name, values in found.items()},
        "std": {name: values[2] for name, values in found.items()},
        "quantiles": {name: values[3] for name, values in found.items()},
        "histogram": histogram,
        "value_counts": {name: [counted[name].get(key, 0) for key in keys] for name, keys in categories.items()},
        "group_mean": {"|".join(map(str, group[:-1])): group[-1] for group in groups},
    }


if __name__ == "__main__":
    run(answer, ("duckdb",))
