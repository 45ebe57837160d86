"""One private step from nothing, as a script takes it: torch and Opacus are imported, then it steps once."""

import warnings

import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from opacus import PrivacyEngine
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.zeros(32_561, 105), torch.zeros(32_561))
    model: nn.Module = nn.Linear(105, 1)
    model, optimizer, loader = PrivacyEngine(accountant="rdp").make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        data_loader=DataLoader(data, batch_size=512),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    features, target = next(iter(loader))
    nn.functional.binary_cross_entropy_with_logits(model(features)[:, 0], target).backward()
    optimizer.step()
