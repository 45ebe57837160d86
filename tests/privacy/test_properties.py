"""Random expressions over random rows: what the engine selects and derives is what plain arithmetic says of each row.

The reference below is written from the documents, row by row, in doubles: columns are clamped to their bounds, a number
is missing where something it reads is, a comparison with a missing number is false.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from jali.wire import expression, interval
from jali.wire.dataset import Column
from jali.wire.expression import ExpressionRefused
from jali.wire.lattice import STEPS_MAX, Lattice
from jali.wire.money import to_fixed
from jali.wire.selection import Selection
from jali_node.engine.bounded import Bound
from jali_node.engine.tally import Bins, Categories, Power, Presence, Tally
from jali_node.errors import Refused
from jali_node.ledger import accountant
from jali_node.statistics import BY_KIND
from jali_node.statistics.keys import Keys
from jali_node.statistics.plan import plan

Row = Mapping[str, Any]
TYPES = {"row": "BIGINT", "age": "BIGINT", "seen": "BIGINT", "weight": "DOUBLE", "rate": "DOUBLE", "site": "VARCHAR"}
ROWS_MAX = 8
COLUMNS = (
    Column(name="row", type="integer", lower=0, upper=ROWS_MAX - 1),
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="seen", type="integer"),
    Column(name="weight", type="number", lower=-20.5, upper=200),
    Column(name="rate", type="number"),
    Column(name="site", type="category", categories=("north", "south", "it's")),
)
BY_NAME = {column.name: column for column in COLUMNS}
NUMERIC: TypeAdapter[Any] = TypeAdapter(expression.Numeric)
CONDITION: TypeAdapter[Any] = TypeAdapter(expression.Condition)
DERIVED: TypeAdapter[Any] = TypeAdapter(expression.Derived)

CONSTANTS = st.one_of(
    st.integers(-200, 200),
    st.sampled_from([0.5, -1e-3, 1e100, -1e100, 1e-100, 1e-320, 2.0**53, 100, 20.5]),
    st.floats(-1e3, 1e3),
)
INTEGERS = st.one_of(st.none(), st.integers(-5, 105), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, 0, 100]))
NUMBERS = st.one_of(
    st.none(),
    st.floats(-30, 210),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0, 200.0, 1e-101, 1e100]),
)
SITES = st.one_of(st.none(), st.sampled_from(["north", "south", "it's", "North", "", "x" * 300]))
ROWS = st.lists(
    st.fixed_dictionaries({"age": INTEGERS, "seen": INTEGERS, "weight": NUMBERS, "rate": NUMBERS, "site": SITES}),
    min_size=1,
    max_size=ROWS_MAX,
).map(lambda rows: [{"row": i, **row} for i, row in enumerate(rows)])


NAMES = ("age", "seen", "weight", "rate")
JOINING = ("add", "subtract", "multiply", "divide")
FUNCTIONS = ("negate", "absolute", "square_root", "logarithm")
LIMITS = ((1.0, 10.0), (0.0, 1.0), (-3.5, 7.0), (1e-90, 1e90), (0.0, 2.0**53))
EDGES = st.lists(st.integers(-30, 210).map(float) | st.floats(-30, 210), min_size=2, max_size=5, unique=True).map(
    sorted
)


@st.composite
def numbers(draw: Any, depth: int = 4) -> dict[str, Any]:
    """Return a number's tree."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        if draw(st.integers(0, 2)):
            return {"op": "column", "name": draw(st.sampled_from(NAMES))}
        return {"op": "number", "value": draw(CONSTANTS)}
    inner = numbers(depth=depth - 1)
    match draw(st.sampled_from(["join", "function", "power", "clip", "truth"])):
        case "join":
            op = draw(st.sampled_from(JOINING))
            return {"op": op, "left": draw(inner), "right": draw(limited(inner) if op == "divide" else inner)}
        case "function":
            op = draw(st.sampled_from(FUNCTIONS))
            return {"op": op, "of": draw(inner if op in ("negate", "absolute") else limited(inner))}
        case "power":
            return {"op": "power", "of": draw(limited(inner)), "exponent": draw(st.integers(2, 4))}
        case "truth":
            return {"op": "truth", "of": draw(conditions(depth=depth - 1))}
    return dict(draw(limited(inner)))


@st.composite
def limited(draw: Any, of: Any) -> dict[str, Any]:
    """Return a number within bounds that divisors, roots, logarithms and derived columns can have; or, rarely, any."""
    lower, upper = draw(st.sampled_from(LIMITS))
    tree = draw(of)
    return {"op": "clip", "of": tree, "lower": lower, "upper": upper} if draw(st.integers(0, 9)) else dict(tree)


@st.composite
def conditions(draw: Any, depth: int = 4) -> dict[str, Any]:
    """Return a condition's tree."""
    kind = draw(st.sampled_from(["compare", "compare", "isin", "missing", *(["both", "not"] if depth else [])]))
    match kind:
        case "isin":
            sites = st.lists(st.sampled_from(BY_NAME["site"].categories), min_size=1, max_size=3)
            return {"op": "isin", "column": "site", "values": draw(sites)}
        case "missing":
            return {"op": "missing", "column": draw(st.sampled_from([*NAMES, "site"]))}
        case "not":
            return {"op": "not", "of": draw(conditions(depth=depth - 1))}
        case "both":
            inner = conditions(depth=depth - 1)
            return {"op": draw(st.sampled_from(["and", "or"])), "left": draw(inner), "right": draw(inner)}
    inner = numbers(depth=max(0, depth - 1))
    op = draw(st.sampled_from(["lt", "le", "gt", "ge", "eq"]))
    return {"op": op, "left": draw(inner), "right": draw(inner)}


@st.composite
def derivations(draw: Any) -> dict[str, Any]:
    """Return a derived column's tree."""
    if draw(st.integers(0, 3)) == 0:
        return {"op": "cut", "of": draw(numbers()), "edges": draw(EDGES)}
    tree = draw(numbers().filter(lambda tree: tree["op"] not in ("column", "number")))
    return dict(draw(limited(st.just(tree))))


def snapped(value: float) -> float:
    return 0.0 if abs(value) < 1e-100 else value


def missing(name: str, row: Row) -> bool:
    value, column = row[name], BY_NAME[name]
    if column.categories:
        return value not in column.categories
    return value is None or value != value


def number(node: Any, row: Row) -> float:
    """Return what a number is for one row; NaN where it is missing."""
    match node.op:
        case "column":
            low, high = interval.bounds(node, BY_NAME)
            return math.nan if missing(node.name, row) else snapped(float(min(max(row[node.name], low), high)))
        case "number":
            return snapped(float(node.value))
        case "truth":
            return float(holds(node.of, row))
        case "clip":
            of = number(node.of, row)
            return of if math.isnan(of) else snapped(min(max(of, node.lower), node.upper))
        case "power":
            of = number(node.of, row)
            result = of
            for _ in range(node.exponent - 1):
                result = snapped(result * of)
            return result
        case "add" | "subtract" | "multiply" | "divide":
            left, right = number(node.left, row), number(node.right, row)
            if math.isnan(left) or math.isnan(right):
                return math.nan
            apply = {"add": float.__add__, "subtract": float.__sub__, "multiply": float.__mul__}
            return snapped(apply.get(node.op, float.__truediv__)(left, right))
    of = number(node.of, row)
    if math.isnan(of):
        return of
    functions: dict[str, Callable[[float], float]] = {
        "negate": float.__neg__,
        "absolute": abs,
        "square_root": math.sqrt,
        "logarithm": lambda value: snapped(math.log(value)),
    }
    return functions[node.op](of)


def holds(node: Any, row: Row) -> bool:
    """Return whether a condition holds for one row."""
    match node.op:
        case "and":
            return holds(node.left, row) and holds(node.right, row)
        case "or":
            return holds(node.left, row) or holds(node.right, row)
        case "not":
            return not holds(node.of, row)
        case "missing":
            return missing(node.column, row)
        case "isin":
            return row[node.column] in node.values
    left, right = number(node.left, row), number(node.right, row)
    compare = {"lt": float.__lt__, "le": float.__le__, "gt": float.__gt__, "ge": float.__ge__, "eq": float.__eq__}
    return bool(compare[node.op](left, right))


def class_of(node: Any, row: Row) -> int:
    """Return which class of a cut a row falls into; one beyond the last where none."""
    value, edges = number(node.of, row), node.edges
    if not edges[0] <= value <= edges[-1]:
        return len(node.labels)
    return next((i for i, edge in enumerate(edges[1:-1]) if value < edge), len(node.labels) - 1)


def code(value: float, column: Column) -> int:
    """Return the centred lattice code of a value."""
    lattice = Lattice.of(column)
    if lattice.whole:
        value = math.floor(value + 0.5)
    above = min(max(value, lattice.lower), lattice.upper) - lattice.lower
    if not (lattice.whole and lattice.upper - lattice.lower <= STEPS_MAX):
        above = math.floor(above * (lattice.steps / (lattice.upper - lattice.lower)) + 0.5)
    return 2 * int(min(max(above, 0), lattice.steps)) - lattice.steps


FEW = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.filter_too_much],
)  # fmt: skip
MANY = settings(FEW, max_examples=150)


def fitting(read: TypeAdapter[Any], tree: Any) -> Any:
    """Return an expression that fits the card, or give this example up."""
    node = read.validate_python(tree)
    try:
        expression.refuse_if_too_large(node)
        interval.check(node, BY_NAME)
    except (ValueError, ExpressionRefused):
        assume(False)
    return node


def check_selection(laboratory: Any, tree: Any, rows: Sequence[Row]) -> None:
    node = fitting(CONDITION, tree)
    tally = Tally((Bins(BY_NAME["row"], ROWS_MAX),))
    found = laboratory.warehouse.tallies(laboratory.table(rows, TYPES, COLUMNS), [tally], Selection(where=node))[tally]
    assert found[0].tolist() == [
        *(int(i < len(rows) and holds(node, rows[i])) for i in range(ROWS_MAX)),
        0,
    ], expression.text(node)


def check_derived(laboratory: Any, tree: Any, rows: Sequence[Row]) -> None:
    node = fitting(DERIVED, tree)
    try:
        column = interval.derived_column(node, BY_NAME)
    except ExpressionRefused:
        assume(False)
    run = partial(laboratory.warehouse.tallies, laboratory.table(rows, TYPES, COLUMNS))
    by_row = Bins(BY_NAME["row"], ROWS_MAX)
    if column.categories:
        tally = Tally((by_row, Categories(column)))
        found = run([tally], Selection(derived=(node,)))[tally][0]
        classes = [int(np.argmax(found[i])) for i in range(len(rows))]
        assert classes == [class_of(node, row) for row in rows], expression.text(node)
        return
    tally = Tally((by_row, Presence(column)), (Power(column),))
    found = run([tally], Selection(derived=(node,)))[tally]
    low, high = column.bounds or (0.0, 0.0)
    for i, row in enumerate(rows):
        value = number(node, row)
        assert found[0, i].tolist() == [int(not math.isnan(value)), int(math.isnan(value))], expression.text(node)
        if not math.isnan(value):
            slack = 1e-12 * max(abs(low), abs(high)) + expression.TINY  # below which everything is 0
            assert low - slack <= value <= high + slack, f"{expression.text(node)} left its bounds"
            assert found[1, i, 0] == code(value, column), expression.text(node)


@FEW
@given(tree=conditions(), rows=ROWS)
def test_a_condition_selects_the_rows_that_arithmetic_says(laboratory: Any, tree: Any, rows: Any) -> None:
    check_selection(laboratory, tree, rows)


@FEW
@given(tree=derivations(), rows=ROWS)
def test_a_derived_column_is_what_arithmetic_says_and_within_its_bounds(laboratory: Any, tree: Any, rows: Any) -> None:
    check_derived(laboratory, tree, rows)


@pytest.mark.slow
@MANY
@given(tree=conditions(), rows=ROWS)
def test_many_conditions_select_the_rows_that_arithmetic_says(laboratory: Any, tree: Any, rows: Any) -> None:
    check_selection(laboratory, tree, rows)


@pytest.mark.slow
@MANY
@given(tree=derivations(), rows=ROWS)
def test_many_derived_columns_are_what_arithmetic_says(laboratory: Any, tree: Any, rows: Any) -> None:
    check_derived(laboratory, tree, rows)


@st.composite
def questions(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a statistic of some columns, derived or not, and the selection that it is asked about."""
    derived = {expression.text(node): node for node in map(fitting_derived, draw(st.lists(derivations(), max_size=2)))}
    facts = [interval.derived_column(node, BY_NAME) for node in derived.values()]
    numeric = ["age", "weight", *(column.name for column in facts if not column.categories)]
    keys = ["site", *(column.name for column in facts if column.categories)]
    column, key = draw(st.sampled_from(numeric[::-1])), draw(st.sampled_from(keys[::-1]))
    other = draw(st.sampled_from([name for name in numeric if name != column]))
    kind = draw(st.sampled_from(sorted(BY_KIND)))
    asked = {
        "histogram": {"column": column, "bins": draw(st.integers(1, 64))},
        "value_counts": {"column": key},
        "top": {"column": key, "delta": 1e-9},
        "spread": {"column": column, "figure": "std"},
        "describe": {"columns": [column, other]},
        "covariance": {"columns": [column, other]},
        "profile": {"columns": [column, key]},
        "crosstab": {"keys": ["site", key]},
        "group_by": {
            "keys": [key],
            "of": draw(st.sampled_from([{"kind": "count"}, {"kind": "mean", "column": column}])),
        },
        "count": {},
    }.get(kind, {"column": column})
    where = draw(st.none() | conditions())
    return {"kind": kind, **asked}, {"where": where, "derived": [node.model_dump() for node in derived.values()]}


def fitting_derived(tree: Any) -> Any:
    """Return a derived column that fits the card, or give this example up."""
    node = fitting(DERIVED, tree)
    try:
        interval.derived_column(node, BY_NAME)
    except ExpressionRefused:
        assume(False)
    return node


def planned(statistic: Any, terms: Any, question: Any, epsilon: float = 1.0, **unit: Any) -> Any:
    """Return the plan of a random question, or give this example up where it does not fit the card."""
    asked, selection = question
    if selection["where"]:
        fitting(CONDITION, selection["where"])
    try:
        selected_rows = Selection.model_validate(selection)
        return plan(statistic(asked), CARD if unit else COLUMNS, epsilon, terms, selection=selected_rows, **unit)
    except (Refused, ValidationError):
        assume(False)


def vector(measurement: Any, tallied: Any) -> dict[Any, int]:
    """Return a measurement's numbers by their place, or by their key where keys are private."""
    return dict(tallied) if isinstance(measurement, Keys) else dict(enumerate(measurement.read(tallied).tolist()))


def measured(laboratory: Any, table: Any, found: Any) -> dict[str, dict[Any, int]]:
    exact = laboratory.warehouse.tallies(table, found.tallies, found.selection)
    return {part.measurement.name: vector(part.measurement, exact[part.measurement.tally]) for part in found.parts}


def check_moved(found: Any, whole: Mapping[str, dict[Any, int]], without: Mapping[str, dict[Any, int]]) -> None:
    """Hold how far each measurement moved against the sensitivity that is charged for it."""
    for part in found.parts:
        one, other = whole[part.measurement.name], without[part.measurement.name]
        keys = one.keys() & other.keys() if isinstance(part.measurement, Keys) else one.keys()
        squared = sum((one[key] - other[key]) ** 2 for key in keys)
        assert squared <= part.sensitivity**2, f"{part.measurement.name} moved by {math.sqrt(squared)}"


def check_neighbours(laboratory: Any, found: Any, rows: Sequence[Row]) -> None:
    """Hold a plan's measurements of two neighbours against their sensitivity, and of a reordered table to equality."""
    tables = [laboratory.table(table, TYPES, COLUMNS) for table in (rows, rows[1:], rows[::-1])]
    whole, without, reordered = (measured(laboratory, table, found) for table in tables)
    assert reordered == whole
    check_moved(found, whole, without)


CARD = (*COLUMNS, Column(name="person", type="text"))
MAX_ROWS = 3
PERSONS = st.lists(st.sampled_from(["p0", "p1", "p2", None]), min_size=ROWS_MAX, max_size=ROWS_MAX)


def check_entities(laboratory: Any, found: Any, rows: Sequence[Row], persons: Sequence[str | None]) -> None:
    """Hold a plan against an entity that is taken away, and that has far more rows than are read."""
    known = [{**row, "person": person} for row, person in zip(rows, persons, strict=False)]
    heavy = [{**row, "row": i, "person": "p0"} for row in rows for i in range(ROWS_MAX)]
    bound = Bound("person", MAX_ROWS, bytes(32))
    results = []
    for table in ([*known, *heavy], [row for row in known if row["person"] != "p0"]):
        path = laboratory.write(table, {**TYPES, "person": "VARCHAR"})
        snapshot = laboratory.warehouse.register(f"ver_{path.stem}", path, CARD, bound)
        results.append(measured(laboratory, snapshot, found))
    check_moved(found, *results)


@settings(FEW, max_examples=15)
@given(question=questions(), rows=ROWS, persons=PERSONS)
def test_one_entity_with_many_rows_moves_no_measurement_beyond_its_sensitivity(
    laboratory: Any, statistic: Any, terms: Any, question: Any, rows: Any, persons: Any
) -> None:
    unit = {"max_rows": MAX_ROWS, "entity": "person"}
    check_entities(laboratory, planned(statistic, terms, question, **unit), rows, persons)


@pytest.mark.slow
@settings(MANY, max_examples=100)
@given(question=questions(), rows=ROWS, persons=PERSONS)
def test_one_entity_moves_no_measurement_of_many_selections_beyond_its_sensitivity(
    laboratory: Any, statistic: Any, terms: Any, question: Any, rows: Any, persons: Any
) -> None:
    unit = {"max_rows": MAX_ROWS, "entity": "person"}
    check_entities(laboratory, planned(statistic, terms, question, **unit), rows, persons)


@settings(FEW, max_examples=20)
@given(question=questions(), rows=ROWS)
def test_one_row_moves_no_measurement_of_a_random_selection_beyond_its_sensitivity(
    laboratory: Any, statistic: Any, terms: Any, question: Any, rows: Any
) -> None:
    check_neighbours(laboratory, planned(statistic, terms, question), rows)


@pytest.mark.slow
@MANY
@given(question=questions(), rows=ROWS)
def test_one_row_moves_no_measurement_of_many_selections_beyond_its_sensitivity(
    laboratory: Any, statistic: Any, terms: Any, question: Any, rows: Any
) -> None:
    check_neighbours(laboratory, planned(statistic, terms, question), rows)


@FEW
@given(question=questions(), prices=st.tuples(st.floats(0.1, 20), st.floats(0.1, 20)).map(sorted))
def test_a_dearer_question_costs_no_less_and_has_no_more_noise(
    statistic: Any, terms: Any, question: Any, prices: Any
) -> None:
    cheap, dear = (planned(statistic, terms, question, epsilon) for epsilon in prices)
    costs = [accountant.price(accountant.charge(one.event, terms), terms) for one in (cheap, dear)]
    assert costs[0] <= costs[1]
    assert all(cost <= to_fixed(price) for cost, price in zip(costs, prices, strict=True))
    assert all(dear.noise[name] <= noise for name, noise in cheap.noise.items())
    assert dear.tallies == cheap.tallies


def test_every_statistic_is_among_the_random_questions(statistic: Any, terms: Any) -> None:
    """A statistic that is added without a form here would be asked with a form that does not fit, and given up."""
    seen: set[str] = set()

    @settings(FEW, max_examples=300, database=None, derandomize=True)
    @given(question=questions())
    def ask(question: Any) -> None:
        planned(statistic, terms, question)
        seen.add(question[0]["kind"])

    ask()
    assert seen == set(BY_KIND)
