"""What a training would cost, as it is printed."""

from collections.abc import Mapping

from jali.wire.jobs.train import JobQuote, Training


class QuoteText:
    """What a training would cost at each node. It cost nothing and read no row."""

    several = ""

    def __init__(self, training: Training, quotes: Mapping[str, JobQuote]) -> None:
        self.training = training
        self.quotes = dict(quotes)

    @property
    def price(self) -> float:
        """The stand-alone price of everything, at the dearest node."""
        return max(quote.price for quote in self.quotes.values())

    def __repr__(self) -> str:
        lines = [_line(node, quote) for node, quote in self.quotes.items()]
        numerics = " and ".join(sorted({quote.numerics for quote in self.quotes.values()}))
        return "\n".join(
            [f"quote: {self.training.describe()}", *lines, f"numerics: {numerics}. {self.several}".strip()]
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which limit of a node a round may not keep, in words."""
        return tuple(
            f"{node}: {said}" for node, quote in self.quotes.items() if quote.effort for said in quote.effort.warnings
        )


def _line(node: str, quote: JobQuote) -> str:
    measured = f", metrics {quote.metrics_price:.3g} of it alone" if quote.metrics_price else ""
    fitting = f"; epsilon={quote.fitting:.3g} or less would fit" if quote.fitting else ""
    room = "" if quote.fits else f", which the population has no room for{fitting}"
    sampled = "full batch" if quote.sampling_rate >= 1 else f"sampling rate {quote.sampling_rate:.3g}"
    took = "" if quote.effort is None else f"\n    {quote.effort.describe()}"
    mind = "" if quote.effort is None else "".join(f"\n    mind: {said}" for said in quote.effort.warnings)
    return (
        f"  {node}: ε {quote.price:.4g} in all ({quote.per_round:.3g} for a round alone{measured}), noise multiplier "
        f"{quote.noise_multiplier:.3g}, {sampled}, δ {quote.delta:g}, for each {quote.protected}{room}{took}{mind}"
    )
