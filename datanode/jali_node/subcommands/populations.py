"""`jali node population ...`: what a cap means, and a higher one."""

from pathlib import Path
from typing import Any

import click

from jali_node.console import folder_option, opened, refusals_as_errors


@click.command("choose")
@click.option("--units", type=int, required=True, help="Your public figure for how many there are.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="At most 1/units; smaller is safer.")
@click.option("--error", type=float, default=0.01, show_default=True, help="How exact a typical count is: a share.")
@click.option("--epsilon", "caps", type=float, multiple=True, help="Caps to compare; some from 0.1 to 10 if not given.")
@click.option("--prior", "priors", type=float, multiple=True, help="How sure somebody is beforehand, from 0 to 1.")
@click.option("--refresh-days", type=int, help="Say what a cap would mean that refreshes every so many days.")
@refusals_as_errors
def choose_command(
    units: int,
    delta: float,
    error: float,
    caps: tuple[float, ...],
    priors: tuple[float, ...],
    refresh_days: int | None,
) -> None:
    """Say what a cap means: in odds, in how many questions fit, and what others took. Changes nothing."""
    from jali_node.actions.budgets import choose_cap
    from jali_node.actions.budgets.set_window import checked_days

    days = checked_days(refresh_days)
    found = choose_cap.choices(units, delta, error, caps or choose_cap.CAPS, priors or choose_cap.PRIORS)
    click.echo(choose_cap.words(units, delta, error, found, days))


@click.command("raise")
@folder_option
@click.argument("name")
@click.option("--epsilon", type=float, required=True, help="The new cap, above the one before.")
@refusals_as_errors
def raise_command(folder: Path, name: str, epsilon: float) -> None:
    """Raise the cap of the population NAME; the ledger keeps it."""
    from jali_node.actions.budgets.choose_cap import believed
    from jali_node.actions.budgets.raise_population import raise_population

    with opened(folder) as node:
        raised = raise_population(node, name, epsilon)
    before, now = believed(0.5, raised.before), believed(0.5, epsilon)
    click.echo(f"{name}: epsilon {epsilon:g}, before {raised.before:g}; room for {raised.population.budget.left:.4g}")
    click.echo(f"Somebody who was 0.5 sure about one unit can become {now:.3f} sure, no longer {before:.3f} at most.")


@click.command("list")
@folder_option
@refusals_as_errors
def list_command(folder: Path) -> None:
    """Print every population: its promise, what is left, and how often it refreshes, if ever."""
    from jali_node.actions.budgets.show_budgets import list_populations

    with opened(folder) as node:
        found = list_populations(node, None)
    for each in found:
        click.echo(each.describe())
    if not found:
        click.echo("there is no population; open one with jali node population add NAME --units N --epsilon E")


every_option = click.option("--every", "days", type=int, help="So many days; the first window begins now.")
never_option = click.option("--never", is_flag=True, help="No longer: what is spent in the present window stays.")


@click.command("refresh")
@folder_option
@click.argument("name")
@every_option
@never_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@refusals_as_errors
def refresh_command(folder: Path, name: str, days: int | None, never: bool, yes: bool) -> None:
    """Let the cap of the population NAME refresh, so that it is no longer a promise for all time; or no longer."""
    from jali.wire.budget import refreshing
    from jali_node.actions.budgets.set_window import checked_days, refresh_population

    period = _period(days, never)
    with opened(folder) as node:
        if period is not None and checked_days(period) and not yes:
            click.echo(refreshing(period, _cap(node, name)))
            click.confirm("Do the people in it know that? The ledger keeps this for good. Go on?", abort=True)
        click.echo(refresh_population(node, name, period).describe())


@click.group("grant")
def grant() -> None:
    """What people were granted. Revoke one with jali node revoke."""


@grant.command("refresh")
@folder_option
@click.argument("grant_id", metavar="GRANT")
@every_option
@never_option
@refusals_as_errors
def refresh_grant_command(folder: Path, grant_id: str, days: int | None, never: bool) -> None:
    """Let the quota of GRANT refresh until it ends, or no longer. The population's cap stays what it is."""
    from jali_node.actions.budgets.set_window import refresh_grant

    with opened(folder) as node:
        found = refresh_grant(node, grant_id, _period(days, never))
    described = found.window.describe() if found.window else "does not refresh"
    click.echo(f"the quota of {found.cap:g} {described}; the population's cap stays what it is")


def _period(days: int | None, never: bool) -> int | None:
    if (days is None) is not never:
        raise click.UsageError("say either --every DAYS or --never")
    return days


def _cap(node: Any, name: str) -> float:
    from jali_node.actions.budgets.show_budgets import list_populations

    return next((float(each.budget.cap) for each in list_populations(node, None) if each.name == name), 0.0)


COMMANDS = (choose_command, raise_command, list_command, refresh_command)
