"""Run the benchmarks: `python -m benchmarks`, `course bench` or `make bench`."""

import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.attention import measure_autoencoder, measure_maps
from benchmarks.pictures import training_pictures
from benchmarks.simplenet import measure
from course_utils import paths
from course_utils.models.simplenet import SimpleNet
from course_utils.training.precision import choose


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pictures = training_pictures(Path(folder))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        batch = torch.zeros(32, 3, 256, 256, device=device)
        # The same trial that training makes says whether the processor has units for bfloat16.
        precisions = sorted({"float32", choose(SimpleNet().to(device), batch, "auto").name}, reverse=True)
        results = [line for precision in precisions for line in measure(pictures, precision, Path(folder))]
        results += measure_maps(Path(folder)) + measure_autoencoder(Path(folder))
    paths.write_json(paths.build() / "bench.json", results)
    show(results, f"{pictures.origin}; {device}, {torch.get_num_threads()} threads")


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
