"""Keep workers running as jobs of Slurm, for `course grade`, `course data prepare` and `course run`.

    python instructor/slurm.py --jobs 8 --memory 8GB --folder ~/course-cluster

prints the two lines to type elsewhere, and ends the jobs when Enter or Ctrl-C is pressed. Scheduler, workers
and clients know one another by a key in the folder, which all machines see and nobody else may read: whoever
reaches a scheduler without one can run code as you. Other systems (PBS, SGE, LSF) are other classes of
dask-jobqueue with the same arguments.
"""

import shutil
import socket
import sys
from pathlib import Path
from typing import Annotated

import dask
import typer
import yaml
from dask_jobqueue import SLURMCluster
from distributed.security import Security


def main(  # noqa: PLR0917 (typer takes each option as a parameter)
    folder: Annotated[Path, typer.Option("--folder", help="Folder of your own that all machines see.")],
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="How many workers, each a job.")] = 4,
    memory: Annotated[
        str, typer.Option("--memory", help="Of a worker: for grading, an answer's --memory and 3 GB more.")
    ] = "8GB",
    walltime: Annotated[str, typer.Option("--walltime", help="hours:minutes:seconds of a job.")] = "04:00:00",
    gpu: Annotated[bool, typer.Option("--gpu", help="Each worker has one GPU.")] = False,
    sbatch: Annotated[
        list[str] | None, typer.Option("--sbatch", help="Another line of #SBATCH; repeatable.")
    ] = None,
) -> None:
    """Start workers as jobs of Slurm, and keep them until Enter is pressed."""
    if not shutil.which("sbatch"):
        raise SystemExit(
            "slurm.py: there is no command sbatch. Start this on a login node of a Slurm cluster."
        )
    folder = folder.expanduser().resolve()
    dask.config.update(dask.config.config, write_keys(folder))
    with SLURMCluster(
        cores=1,
        processes=1,
        memory=memory,
        walltime=walltime,
        python=sys.executable,
        job_extra_directives=[*(["--gres=gpu:1"] if gpu else []), *(sbatch or [])],
        worker_extra_args=["--resources", "GPU=1"] if gpu else [],
        log_directory=str(folder / "logs"),
        security=Security(),
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        cluster.scale(jobs=jobs)
        print(f"export DASK_CONFIG={folder}")
        print(f"course … --scheduler {cluster.scheduler_address}", flush=True)
        try:
            input(f"{jobs} jobs are handed to Slurm by {socket.gethostname()}. Enter ends them. ")
        except (EOFError, KeyboardInterrupt):
            print()


def write_keys(folder: Path) -> dict:
    """Write a new key and dask's settings that name it, and return these settings."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = Security.temporary()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    for file, content in ((key, made.tls_client_key), (certificate, made.tls_client_cert)):
        file.touch(0o600)
        file.write_text(content, encoding="ascii")
    own = {"key": str(key), "cert": str(certificate)}
    roles = {"ca-file": str(certificate), "scheduler": own, "worker": own, "client": own}
    settings = {"distributed": {"comm": {"require-encryption": True, "tls": roles}}}
    (folder / "dask.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return settings


if __name__ == "__main__":
    typer.run(main)
