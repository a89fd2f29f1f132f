"""Train the head detector that notebook 08 fine-tunes, and write ``reference_runs/08_head_detector.*``.

Run as ``python instructor/head_detector.py``; the training resumes when the command is typed again. The
scenes are drawn for it, with people who stand in no other data set. From random weights it first learns on
small squares, which cost a quarter, then on those of the size at which heads are looked for.
"""

import datetime

import numpy as np
import torch
from more_people import draw

from course_utils import doctor, paths
from course_utils.data.faces import Face, FaceDetector, Haar, find_pointer, middle_face
from course_utils.data.head_scenes import Scene, SceneDataset, scenes
from course_utils.data.pictures import open_prepared
from course_utils.data.prepare import PreparedDataset, load_dataset
from course_utils.detections import average_precision, best_threshold, look, match
from course_utils.history import Run
from course_utils.intervals import share_interval
from course_utils.models.head_detector import REFERENCE, AnchorGrid, HeadDetector, HeadNetwork
from course_utils.notebooks.run import commit
from course_utils.training.checkpoints import save_weights, weights_of
from course_utils.training.detection import DetectionTrainer

PHOTOGRAPHS = 50
RECIPE = {"films": {"train": 40, "val": 5, "test": 1}, "seed": 903}
# Side of the squares in pixels, epochs, highest learning rate.
STAGES = ((128, 16, 2e-3), (256, 3, 5e-4), (256, 6, 1e-3))


def train(network: HeadNetwork, prepared: PreparedDataset, side: int, epochs: int, rate: float) -> Run:
    """Train for one stage, or go on where that stopped; the network then has the best weights."""
    grid = AnchorGrid(side)
    trainer = DetectionTrainer(
        network,
        SceneDataset(prepared, "train", side, grid.encode, augmented=True),
        SceneDataset(prepared, "val", side, grid.encode),
        None,
        folder=paths.build() / "head_detector" / f"{side}_{epochs}",
        name="efficientdet_d0",
        dataset_name=prepared.name,
        epochs=epochs,
        batch_size=8,
        optimizer={"name": "AdamW", "params": {"lr": rate, "weight_decay": 1e-4}},
        scheduler={"name": "OneCycleLR", "params": {"max_lr": rate, "total_steps": epochs + 1}},
        seed=0,
    )
    return trainer.fit()


def recalls(there: list[Scene], found: list[list[Face]], threshold: float = 0.0) -> dict[str, str]:
    """Return the share of heads that hold the middle of a box, by view, with intervals over films."""
    matched = match(there, found, threshold, by="centre")
    heads = matched[matched["head"]]
    return {
        pose: str(share_interval(part["score"].notna().to_numpy(float), part["group"]))
        for pose, part in [*heads.groupby("pose"), ("all", heads)]
    }


def photographs(detector: FaceDetector) -> str:
    """Return in how many photographs of as many people a head's box holds nine tenths of YuNet's face."""
    people = load_dataset("lfw")
    shown = people.samples.drop_duplicates("target").sample(PHOTOGRAPHS, random_state=0)
    pointer, held, seen = find_pointer(), 0, 0
    for path in shown["path"]:
        picture = np.asarray(open_prepared(people.root / path))
        face = middle_face(pointer, picture)
        if face is None:
            continue
        heads = np.array([head.box for head in detector.detect(picture)]).reshape(-1, 4)
        shared = np.minimum(heads[:, 2:], face.box[2:]) - np.maximum(heads[:, :2], face.box[:2])
        area = np.prod(face.box[2:] - face.box[:2])
        held += bool((np.clip(shared, 0, None).prod(axis=1) >= 0.9 * area).any())
        seen += 1
    return f"{held} of {seen} (LFW, {PHOTOGRAPHS} people)"


def main() -> None:
    """Draw, train, measure and write."""
    prepared = draw("rendered_heads", **RECIPE)
    torch.manual_seed(0)
    runs, weights = [], None
    for stage in STAGES:
        network = HeadNetwork(stage[0])
        if weights:
            network.load_state_dict(weights)
        runs.append(train(network, prepared, *stage))
        weights = weights_of(network)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()
    }
    folder = paths.reference_runs()
    save_weights(folder / f"{REFERENCE}.safetensors", halves)
    side = STAGES[-1][0]
    network = HeadNetwork(side, "reference")
    eager = HeadDetector(network, threshold=0.01)
    validation = scenes(prepared, "val")
    validated = match(validation, look(eager, validation, prepared.root))
    threshold = best_threshold(validated)
    unseen = load_dataset("rendered_heads")
    there = scenes(unseen, "test")
    found = look(eager, there, unseen.root)
    of_faces = {one.name: look(one, there, unseen.root) for one in (find_pointer(), Haar())}
    about = {
        "dataset": prepared.name,
        "recipe": prepared.manifest.generate.model_dump(mode="json"),
        "image_size": side,
        "training_scenes": len(scenes(prepared, "train")),
        "threshold": threshold,
        "val_map_50": round(average_precision(validated).value, 4),
        "test_map_50": str(average_precision(match(there, found))),
        "tested_on": unseen.name,
        "recall": {
            "head detector": recalls(there, found, threshold),
            **{name: recalls(there, faces) for name, faces in of_faces.items()},
        },
        "photographs": photographs(HeadDetector(network, threshold)),
        "stages": [
            {"image_size": size, "epochs": epochs, "train_loss": run.train_loss, "val_loss": run.val_loss}
            for (size, epochs, _), run in zip(STAGES, runs, strict=True)
        ],
        "precision": runs[-1].precision,
        "device": doctor.device_name(),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
    }
    paths.write_json(folder / f"{REFERENCE}.json", about)
    print({key: about[key] for key in ("threshold", "val_map_50", "test_map_50", "recall", "photographs")})


if __name__ == "__main__":
    main()
