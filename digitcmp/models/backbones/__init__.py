"""The backbones, one file per family. A new backbone is a decorated builder and a file in conf/model."""

from digitcmp.models.backbones import dense, conv, convnet  # noqa: F401, I001  registers them, the paper's first
from digitcmp.models.backbones.networks import NETWORKS, RECORDED, Facts, Network, build, facts

__all__ = ["NETWORKS", "RECORDED", "Facts", "Network", "build", "facts"]
