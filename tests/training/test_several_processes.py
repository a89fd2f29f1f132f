"""The training script of the README; that two processes learn what one learns, `test_trainer.py` asks."""

import os
import re
import subprocess
import sys

import pytest
from drawn import few_rendered_pictures

from course_utils import paths
from course_utils.data.prepare import load_dataset
from course_utils.history import read_history


@pytest.mark.skipif(not paths.instructor().is_dir(), reason="a student release has a README of its own")
def test_the_readmes_script_trains_in_two_processes(course_environment):
    few_rendered_pictures()
    load_dataset("rendered_fakes")
    readme = (paths.repository() / "README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (course_environment / "train.py").write_text(script.replace("256", "64").replace("epochs=5", "epochs=1"))
    command = ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "train.py"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", *command], cwd=course_environment, env=environment, check=True)
    (run,) = read_history(course_environment / "build" / "simplenet" / "history.json")
    assert (run.dataset, run.epochs) == ("rendered_fakes", 1)
