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


def _line(node: str, quote: JobQuote) -> str:
    measured = f", metrics {quote.metrics_price:.3g} of it alone" if quote.metrics_price else ""
    fitting = f"; epsilon={quote.fitting:.3g} or less would fit" if quote.fitting else ""
    room = "" if quote.fits else f", which the population has no room for{fitting}"
    return (
        f"  {node}: ε {quote.price:.4g} in all ({quote.per_round:.3g} for a round alone{measured}), noise multiplier "
        f"{quote.noise_multiplier:.3g}, sampling rate {quote.sampling_rate:.3g}, δ {quote.delta:g}{room}"
    )
