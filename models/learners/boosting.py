"""What LightGBM and XGBoost share as members: the bounds of their settings, and raw scores."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import logit

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
SURE = float(np.finfo(np.float32).eps) / 2  # the libraries hand over 1 for what is nearly 1


def raw_of(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the raw scores that both libraries hand over as probabilities, up to a constant.

    >>> raw_of(np.array([0.5, 1.0], dtype=np.float32)).round(2).tolist()
    [0.0, 16.64]
    """
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SURE, 1.0 - SURE)
    return np.log(p) if p.ndim > 1 else logit(p)
