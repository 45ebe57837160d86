"""The demo: three data nodes with public data on this machine, and a tour from catalog to ledger."""
