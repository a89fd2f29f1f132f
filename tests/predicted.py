"""Made-up predictions with a known separation of the classes."""

import numpy as np
import pandas as pd

from course_utils.predictions import predictions_table


def predictions(
    reals: int = 60,
    fakes: int = 40,
    separation: float = 1.0,
    *,
    split: str = "test",
    model: str = "SimpleNet",
    seed: int = 0,
    pictures_a_group: int = 1,
) -> pd.DataFrame:
    """Return predictions whose logits are normal, the fakes' higher by `separation` standard deviations."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [reals, fakes])
    logits = random.normal(size=len(labels)) + separation * labels
    number = np.arange(len(labels))
    samples = pd.DataFrame(
        {
            "path": [f"{i:04}.jpg" for i in number],
            "dataset": "made_up",
            "label": labels,
            "method": np.where(labels == 0, "original", np.where(number % 2, "Deepfakes", "FaceSwap")),
            "compression": "",
            "video": "",
            "frame": 0,
            "target": "",
            "source": "",
            "group": [f"group {i // pictures_a_group}" for i in number],
            "split": split,
        }
    )
    return predictions_table(samples, 1 / (1 + np.exp(-logits)), model=model, run="quick")
