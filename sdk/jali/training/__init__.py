"""Training where the data are: models as data, rounds over many nodes. Needs `jali[train]`."""
