"""``course data``: data sets."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from rich.table import Table

from course_utils import cluster, paths
from course_utils.cli.console import Out, Scheduler, console, plain, table_of
from course_utils.errors import CourseError

app = typer.Typer(
    no_args_is_help=True, help="Data sets: list, prepare, merge, crop, check, audit, export, pack."
)


@app.command("list")
def data_list() -> None:
    """List the data sets: which are here, and how to get the others."""
    from course_utils.data.manifest import list_manifests

    table = Table("name", "what", "here?", "how to get it", title="Data sets", show_lines=True)
    for manifest in list_manifests():
        here = "yes" if _is_here(manifest) else "no"
        table.add_row(manifest.name, manifest.title, here, " ".join(manifest.access.split()))
    console.print(table)
    console.print(f"COURSE_DATA_ROOT is {paths.data_root() or 'not set'}.")


@app.command("show")
def data_show(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Show a data set's manifest: terms, layout, splits, expected counts."""
    from course_utils.data.manifest import load_manifest

    manifest = load_manifest(name)
    content = manifest.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100), end="")
    print(f"here: {manifest.data_folder() if _is_here(manifest) else 'no'}")


@app.command("prepare")
def data_prepare(  # noqa: PLR0917 (typer takes each option as a parameter)
    name: Annotated[str | None, typer.Argument(help="A data set's name.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Your own: real/ and fake/, or annotated.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="How many side by side; one a core by default.")
    ] = None,
    splits: Annotated[
        str | None, typer.Option("--splits", help="Another split that the manifest names, e.g. thesis.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option("--frames", help="Frames of each video, e.g. 'first 100' or 'evenly 32'.")
    ] = None,
    scheduler: Scheduler = None,
) -> None:
    """Read every file once and write the sample table; go on where an earlier try stopped."""
    from course_utils.data.manifest import load_manifest
    from course_utils.data.own import prepare_folder
    from course_utils.data.prepare import prepare

    if (name is None) == (folder is None):
        raise CourseError("Name a data set, or give --folder with your own pictures: one of the two.")
    if folder and (splits or frames):
        raise CourseError("--splits and --frames are of a data set with a manifest; --folder has neither.")
    with cluster.connected(scheduler):
        if folder:
            prepared = prepare_folder(folder, jobs=jobs)
        else:
            prepared = prepare(load_manifest(name).choose(splits, frames), jobs=jobs)
    _print(prepared)


@app.command("merge")
def data_merge(
    name: Annotated[str, typer.Argument(help="What the new data set is called.")],
    sources: Annotated[list[str], typer.Option("--from", help="A data set; give two or more.")],
    ratios: Annotated[
        str, typer.Option("--ratios", help="Shares of train, val and test; whole groups are dealt out.")
    ] = "0.7,0.15,0.15",
    scheduler: Scheduler = None,
) -> None:
    """Make one data set of all that others hold, split anew; their pictures stay where they are."""
    from course_utils.data.derive import merge, read_ratios

    with cluster.connected(scheduler):
        _print(merge(name, sources, read_ratios(ratios)))


@app.command("crop")
def data_crop(
    name: Annotated[str, typer.Argument(help="A data set's name.")],
    to: Annotated[str, typer.Option("--to", help="What the new data set is called.")],
    by: Annotated[
        Literal["faces", "heads"],
        typer.Option("--by", help="faces: YuNet; heads: our own, trained on drawn scenes."),
    ] = "faces",
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="How many side by side; one a core by default.")
    ] = None,
    scheduler: Scheduler = None,
) -> None:
    """Make a data set of the heads in the pictures of another; go on where an earlier try stopped."""
    from course_utils.data.derive import crop

    with cluster.connected(scheduler):
        _print(crop(to, name, by, jobs=jobs))


@app.command("export")
def data_export(
    name: Annotated[str, typer.Argument(help="A data set's name.")],
    form: Annotated[
        Literal["yolo", "list"],
        typer.Option("--format", help="yolo: a name.txt beside each name.jpg; list: train.txt, …"),
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
) -> None:
    """Copy a data set's pictures to a folder, with annotations that other programs read."""
    from course_utils.data.export import export
    from course_utils.data.prepare import load_dataset

    prepared = load_dataset(name)
    count = export(prepared, form, out)
    print(f"{count} pictures in {out}; `course data prepare --folder {out}` reads them again.")
    if prepared.manifest.may_show != "yes":
        console.print(f"Before you hand them on: {plain(' '.join(prepared.manifest.terms.split()))}")


@app.command("check")
def data_check(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Open every file of a data set and report what is wrong with it; exit 1 if anything is."""
    from course_utils.data.check import check
    from course_utils.data.manifest import load_manifest

    report = check(load_manifest(name))
    console.print(table_of(report.counts.reset_index(), name))
    console.print(f"Folder: {plain(str(report.root))}", soft_wrap=True)
    console.print(f"Edition: {report.edition or 'none that the manifest knows'}")
    if report.findings:
        console.print(table_of(report.table(), "Findings"))
        for finding in report.findings:
            if finding.severity == "error":
                console.print(plain(f"{finding.kind}: {finding.path}: {finding.message}"), soft_wrap=True)
    else:
        console.print("Nothing found.")
    raise typer.Exit(0 if report.ok else 1)


@app.command("audit")
def data_audit(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Look for shortcuts that tell fakes from reals, and for leaks; exit 1 if there are any."""
    from course_utils.audit import audit
    from course_utils.data.prepare import load_dataset

    report = audit(load_dataset(name))
    if report.note:
        console.print(report.note, soft_wrap=True)
    else:
        title = f"What tells fakes from reals in {name}: {report.units} {report.unit}s"
        console.print(table_of(report.table().round(3), title))
    for warning in report.warnings:
        console.print(f"[bold]warning:[/] {plain(warning)}", soft_wrap=True)
    if not report.warnings:
        console.print("Nothing found.")
    raise typer.Exit(1 if report.warnings else 0)


@app.command("pack")
def data_pack(name: Annotated[str, typer.Argument(help="A data set's name.")], out: Out = None) -> None:
    """Write a prepared data set to one archive to hand out, where its terms allow it."""
    from course_utils.data.pack import pack
    from course_utils.data.prepare import load_dataset

    archive = (out or paths.build() / "packs") / f"{name}.zip"
    sha256 = pack(load_dataset(name), archive)
    print(f"{archive}\n{archive.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256}")


@app.command("unpack")
def data_unpack(archive: Annotated[Path, typer.Argument(help="What `course data pack` wrote.")]) -> None:
    """Use a data set that somebody packed, under its own name."""
    from course_utils.data.pack import unpack
    from course_utils.data.samples import class_balance

    prepared = unpack(archive)
    console.print(table_of(class_balance(prepared.samples).reset_index(), prepared.name))


def _print(prepared: Any) -> None:
    from course_utils.data.samples import class_balance

    sources = prepared.samples.groupby("dataset")
    for source, samples in sources if sources.ngroups > 1 else ():
        console.print(table_of(class_balance(samples).reset_index(), f"{source} in {prepared.name}"))
    console.print(table_of(class_balance(prepared.samples).reset_index(), prepared.name))
    for item in prepared.left_out:
        console.print(f"left out: {plain(f'{item.path}: {item.reason}')}", soft_wrap=True)
    left_out = f"{len(prepared.left_out)} files left out"
    console.print(f"{len(prepared.samples)} samples, {left_out}; {prepared.opened} files opened.")


def _is_here(manifest: Any) -> bool:
    try:
        return bool(manifest.data_folder())
    except CourseError:
        return False
