"""Train one run (python train.py model=ws3 aux=true), or a sweep with -m. The same as `digitcmp train`."""

from digitcmp.commands.train import main
from digitcmp.training import streams

if __name__ == "__main__":
    with streams.guarded():
        main()
