"""How columns are shown to a model, and what it predicts: what `train(features=, target=)` takes beside plain names.

    from jali.training.columns import Count, Ids, Scaled

    features = [Ids(column="site"), Scaled(column="income", log=True)]
    ds.train(model, target=Count(column="visits"), features=features, epsilon=1.0)

All of it is free: bounds, categories and numbers of buckets are public. No torch is loaded.
"""

from jali.wire.features import Hashed, Ids, OneHot, Pixels, Scaled
from jali.wire.targets import Amount, Choice, Count, Member, Threshold

__all__ = ["Amount", "Choice", "Count", "Hashed", "Ids", "Member", "OneHot", "Pixels", "Scaled", "Threshold"]
