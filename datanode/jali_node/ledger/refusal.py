"""What is said to a spend that does not fit: which account, what it costs, what is left, what would fit, what to do."""

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, from_fixed
from jali_node.errors import BudgetExhausted
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge

POPULATION, QUOTA = "population", "quota"
_CALLED = {POPULATION: "the population's cap", QUOTA: "your quota"}
_MORE = {POPULATION: "an owner must raise it (jali node population raise)", QUOTA: "request more budget"}
LOST = "the population's cap counts as spent, since entries of the ledger were lost; no new answer about it is given"


def exhausted(
    account_id: str, kind: str, values: Account, cost: Charge, price: int, fitting: int | None = None
) -> BudgetExhausted:
    """Return the refusal of a cost that an account has no room for.

    Args:
        kind: POPULATION or QUOTA.
        price: the cost's stand-alone price, in 1e-12.
        fitting: the dearest price at which the same thing would fit; that of one Gaussian release if it is not known.
    """
    if values.is_written_off:
        return BudgetExhausted(LOST, field="dataset", account=account_id, kind=kind, left=0.0, fits=0.0)
    if not values.fits_pool(cost):
        return _pool_exhausted(account_id, kind, values, cost)
    left, wanted, cap = from_fixed(values.left()), from_fixed(price), from_fixed(values.cap)
    fits = rounded_down(values.left() if fitting is None else fitting)
    asking = f"ask with epsilon={fits:.3g} or less, or " if fits else ""
    return BudgetExhausted(
        f"this costs epsilon {wanted:.4g}, but {_CALLED[kind]} of {cap:.4g} has room for {left:.4g}; "
        f"{asking}{_otherwise(kind, values)}",
        field="epsilon",
        account=account_id,
        kind=kind,
        cap=cap,
        price=wanted,
        left=left,
        fits=fits,
        **_refreshing(values),
    )


def _pool_exhausted(account_id: str, kind: str, values: Account, cost: Charge) -> BudgetExhausted:
    wanted, pool = from_fixed(cost.delta, DELTA_UNITS), from_fixed(values.terms.pool, DELTA_UNITS)
    left, fits = from_fixed(values.pool_left(), DELTA_UNITS), rounded_down(values.pool_left(), DELTA_UNITS)
    asking = f"ask with delta={fits:.3g} or less, or " if fits else ""
    later = f"{_until(values)}, or " if _until(values) else ""
    return BudgetExhausted(
        f"this costs delta {wanted:.4g}, but of the {pool:.4g} that {_CALLED[kind]} sets aside for unknown keys "
        f"{left:.4g} is left; {asking}{later}ask about values that are named, which takes none",
        field="delta",
        account=account_id,
        kind=kind,
        delta=wanted,
        delta_left=left,
        delta_fits=fits,
        **_refreshing(values),
    )


def _otherwise(kind: str, values: Account) -> str:
    later = _until(values)
    return f"{later}, or {_MORE[kind]}" if later else _MORE[kind]


def _until(values: Account) -> str:
    until = values.window and values.window.until
    return f"wait until {until:%Y-%m-%d %H:%M} UTC, when it begins anew" if until else ""


def _refreshing(values: Account) -> dict[str, str]:
    until = values.window and values.window.until
    return {"refreshes_at": until.isoformat()} if until else {}


def rounded_down(left: int, units: int = EPSILON_UNITS) -> float:
    """Return an amount with its first three digits only, so that what is advised does fit."""
    coarse = 10 ** max(0, len(str(left)) - 3)
    return from_fixed(left // coarse * coarse, units)
