"""What each of two processes that train together does: `two_processes.py FOLDER`."""

import sys
from pathlib import Path

import torch
from test_trainer import build, linear_model

if __name__ == "__main__":
    model = linear_model()
    build(Path(sys.argv[1]), model, accumulation=2, class_weights=[0.7, 2.5]).fit()
    torch.distributed.destroy_process_group()
