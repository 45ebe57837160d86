"""`jali node population ...`: what a cap means, and a higher one."""

from pathlib import Path

import click

from jali_node.console import folder_option, opened, refusals_as_errors


@click.command("choose")
@click.option("--units", type=int, required=True, help="Your public figure for how many there are.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="At most 1/units; smaller is safer.")
@click.option("--error", type=float, default=0.01, show_default=True, help="How exact a typical count is: a share.")
@click.option("--epsilon", "caps", type=float, multiple=True, help="Caps to compare; some from 0.1 to 10 if not given.")
@click.option("--prior", "priors", type=float, multiple=True, help="How sure somebody is beforehand, from 0 to 1.")
@refusals_as_errors
def choose_command(units: int, delta: float, error: float, caps: tuple[float, ...], priors: tuple[float, ...]) -> None:
    """Say what a cap means: in odds, and in how many questions fit. Changes nothing."""
    from jali_node.actions.budgets import choose_cap

    found = choose_cap.choices(units, delta, error, caps or choose_cap.CAPS, priors or choose_cap.PRIORS)
    click.echo(choose_cap.words(units, delta, error, found))


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


COMMANDS = (choose_command, raise_command)
