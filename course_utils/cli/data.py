"""``course data``: data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from course_utils import cluster, paths
from course_utils.cli.console import Out, Scheduler, console, plain, table_of
from course_utils.errors import CourseError

app = typer.Typer(no_args_is_help=True, help="Data sets: list, show, prepare, check, audit, pack, unpack.")


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
        Path | None, typer.Option("--folder", help="Your own folder, which holds real/ and fake/.")
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
    from course_utils.data.prepare import prepare, prepare_folder
    from course_utils.data.samples import class_balance

    if (name is None) == (folder is None):
        raise CourseError("Name a data set, or give --folder with your own pictures: one of the two.")
    with cluster.connected(scheduler):
        if folder:
            prepared = prepare_folder(folder, jobs=jobs)
        else:
            prepared = prepare(load_manifest(name).choose(splits, frames), jobs=jobs)
    console.print(table_of(class_balance(prepared.samples).reset_index(), prepared.name))
    for item in prepared.left_out:
        console.print(f"left out: {plain(f'{item.path}: {item.reason}')}", soft_wrap=True)
    left_out = f"{len(prepared.left_out)} files left out"
    console.print(f"{len(prepared.samples)} samples, {left_out}; {prepared.opened} files opened.")


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


def _is_here(manifest: Any) -> bool:
    try:
        return bool(manifest.data_folder())
    except CourseError:
        return False
