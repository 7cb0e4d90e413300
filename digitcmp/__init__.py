"""What do weight sharing and an auxiliary loss do for a network? Pairs of digits, compared."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitcmp.checkpoint import load as load


def __getattr__(name: str) -> Any:
    """`digitcmp.load` brings torch with it, so only when it is asked for."""
    if name == "load":
        from digitcmp.checkpoint import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
