import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from course_utils.models.face_recogniser import FaceRecogniser, MarginHead
from course_utils.training import RecognitionTrainer


def people(count=24):
    """Points of three people, each around a direction of their own."""
    random = torch.Generator().manual_seed(0)
    identities = torch.arange(count) % 3
    return TensorDataset(torch.eye(3)[identities] + 0.1 * torch.randn(count, 3, generator=random), identities)


def test_it_learns_with_the_margin_and_is_judged_without(tmp_path):
    torch.manual_seed(0)
    model = FaceRecogniser(nn.Linear(3, 3), MarginHead(3, 3))
    still = {"name": "SGD", "params": {"lr": 0.0}}
    settings = {
        "name": "recogniser", "dataset_name": "people", "epochs": 1, "batch_size": 8, "precision": "float32",
    }  # fmt: skip
    run = RecognitionTrainer(
        model, people(), people(), None, folder=tmp_path / "still", optimizer=still, **settings
    ).fit()
    points, identities = people().tensors
    with torch.no_grad():
        harder = functional.cross_entropy(model(points, identities), identities).item()
        plain = functional.cross_entropy(model(points), identities).item()
    np.testing.assert_allclose([run.train_loss[0], run.val_loss[0]], [harder, plain], rtol=1e-5)
    settings["epochs"] = 20
    adam = {"name": "Adam", "params": {"lr": 0.02}}
    run = RecognitionTrainer(
        model, people(), people(), None, folder=tmp_path / "adam", optimizer=adam, **settings
    ).fit()
    assert run.val_acc[-1] == 100
