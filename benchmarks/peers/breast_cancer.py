"""Print the breast cancer table that scikit-learn bundles, as JSON."""

import json

from sklearn.datasets import load_breast_cancer

data, target = load_breast_cancer(return_X_y=True)
print(json.dumps({"data": data.tolist(), "target": target.tolist()}))
