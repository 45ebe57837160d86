"""The data node: runs beside the owner's tables and answers only through the privacy-budget ledger."""
