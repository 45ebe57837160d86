"""The privacy-budget ledger: events, what they cost, accounts that hold the promise, and the chain that records it."""
