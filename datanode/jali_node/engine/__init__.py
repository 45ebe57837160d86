"""Plans become integer aggregates in the data's own engine. Nothing but integers comes back."""
