"""How the learning rate goes over a job's steps: what `train(schedule=)` takes beside "constant", "linear", "cosine".

    from jali.training.schedules import Cosine, Stairs

    ds.train(model, target="ill", features=["age"], epsilon=1.0, schedule=Cosine(warm_up=10, end=0.1))

It is free: a schedule is a function of public numbers of steps. No torch is loaded.
"""

from jali.wire.descent import Constant, Cosine, Linear, Stairs

__all__ = ["Constant", "Cosine", "Linear", "Stairs"]
