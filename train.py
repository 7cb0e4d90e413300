"""Train one network on one draw of pairs (python train.py model=ws3 aux=true), or sweep with -m: `digitcmp train`."""

from digitcmp.commands.train import main
from digitcmp.training import streams

if __name__ == "__main__":
    with streams.guarded():
        main()
