"""How nodes' updates become the next global model: one file each, pure functions `(state, updates) -> state`."""
