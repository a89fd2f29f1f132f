"""Run the benchmarks: `course bench [NAME ...] [--gpu]` or `make bench`; without `--gpu` it hides the GPU."""

import argparse
import datetime
import platform
import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import (
    asrid,
    attention,
    clips,
    examined,
    explanations,
    grading,
    keypoints,
    many,
    simplenet,
    video,
    video_training,
    worlds,
)
from benchmarks.pictures import training_pictures
from course_utils import doctor, paths
from course_utils.models.simplenet import SimpleNet
from course_utils.notebooks.run import commit
from course_utils.training.precision import choose


def main() -> None:
    parser = argparse.ArgumentParser(prog="course bench", description="Measure how fast things are.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--gpu", action="store_true", help=f"on the GPU: {', '.join(ON_GPU)}")
    given = parser.parse_args()
    names = given.names or list(ON_GPU if given.gpu else BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark {min(unknown)!r}; there are {', '.join(BENCHMARKS)}")
    if given.gpu and not torch.cuda.is_available():
        parser.error("there is no GPU here that torch can use; `course doctor` says what there is")
    results, about = [], machine()
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            lines, title = BENCHMARKS[name](Path(folder))
        show(lines, title)
        results += [{"benchmark": name, **line} for line in lines]
        paths.write_json(paths.build() / "bench.json", {**about, "results": results})
    show(results, "\n".join(f"{key}: {value}" for key, value in about.items()))


def machine() -> dict[str, str | int | None]:
    """Return on what is measured."""
    facts = {fact.name: fact.value for fact in doctor.examine()}
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "processor": _processor(),
        **{name: facts[name] for name in ("device", "precision", "memory", "system", "packages")},
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def train_simplenet(folder: Path) -> tuple[list[dict], str]:
    pictures = training_pictures(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = torch.zeros(32, 3, 256, 256, device=device)
    # The same trial that training makes says whether the processor has units for bfloat16.
    precisions = sorted({"float32", choose(SimpleNet().to(device), batch, "auto").name}, reverse=True)
    lines = [line for precision in precisions for line in simplenet.measure(pictures, precision, folder)]
    return lines, f"{pictures.origin}; {device}"


def draw_worlds(folder: Path) -> tuple[list[dict], str]:
    return worlds.measure(folder), f"rendered people, {worlds.RECIPE.size} pixels a side; cpu"


def map_attention(folder: Path) -> tuple[list[dict], str]:
    lines = attention.measure_maps(folder) + attention.measure_autoencoder(folder)
    return lines, "attention maps and the autoencoder"


BENCHMARKS = {
    "simplenet": train_simplenet,
    "worlds": draw_worlds,
    "explanations": explanations.measure,
    "attention": map_attention,
    "keypoints": keypoints.measure,
    "clips": clips.measure,
    "video": video.measure,
    "grading": grading.measure,
    "many": many.measure,
    "video_training": video_training.measure,
    "asrid": asrid.measure,
    "predict": examined.measure,
}
ON_GPU = ("simplenet", "explanations", "attention", "video", "video_training", "asrid")


def show(results: list[dict], title: str) -> None:
    table = Table("name", "value", "baseline", "unit", "ratio", "each turn", title=title, box=None)
    for line in results:
        cells = [line["name"], f"{line['value']:.1f}", "", line["unit"], "", ""]
        if line["baseline"] is not None:
            cells[2] = f"{line['baseline']:.1f}"
            cells[4:] = [f"{line['ratio']:.2f}", "{:.2f}–{:.2f}".format(*line["spread"])]
        table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
