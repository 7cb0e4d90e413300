"""Train one run (python train.py model=ws3 aux=true), or a sweep with -m. The same as `digitcmp train`."""

import sys

from digitcmp.__main__ import run

if __name__ == "__main__":
    run("train", sys.argv)
