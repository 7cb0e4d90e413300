"""The backbones, one file per family. A new backbone is a decorated builder and a file in conf/model."""

from digitcmp.models.backbones import conv, convnet, dense  # noqa: F401  registers their networks
from digitcmp.models.backbones.registry import NETWORKS, Network, build, register

__all__ = ["NETWORKS", "Network", "build", "register"]

for name in ("fcnn1", "fcnn2", "fcnn3", "ws1", "ws2", "ws3", "convnet", "convnet2"):  # the order of the paper
    NETWORKS[name] = NETWORKS.pop(name)
