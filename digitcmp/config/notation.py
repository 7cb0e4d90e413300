"""How settings are written: in a run's identity, in result.json and in the name of a folder."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from digitcmp.fields import shown

LONGEST = 60  # characters of a setting in a folder's name
LIGHTNING = (
    r"^(lightning\.pytorch|pytorch_lightning)\.callbacks\.(\w+\.)*"  # these callbacks are recorded by their class name
)


def evaluated(trainer: Mapping[str, Any]) -> str:
    """Return when a run is evaluated and on how many batches, '' for every epoch on all validation pairs."""
    parts = []
    if (every := trainer.get("check_val_every_n_epoch", 1)) != 1:
        parts.append(f"every {every} epochs")
    for key in ("val_check_interval", "limit_val_batches"):
        if trainer.get(key) is not None:
            parts.append(f"with {key}={shown(trainer[key])}")
    return " ".join(parts)


def described(callbacks: Sequence[Mapping[str, Any]]) -> str | None:
    """Return callbacks as a setting, 'EarlyStopping(monitor=val_acc,patience=3)', or None if there are none."""
    calls = []
    for callback in callbacks:
        arguments = ",".join(f"{key}={shown(value)}" for key, value in callback.items() if not key.startswith("_"))
        calls.append(f"{re.sub(LIGHTNING, '', callback['_target_'])}({arguments})")
    return ", ".join(calls) or None


def as_text(value: Any) -> Any:
    """Return a mapping as a string, {'split': 'letters'} -> 'split=letters', a list of targets as `described`.

    An empty mapping gives None. Return other values unchanged.
    """
    if isinstance(value, Mapping):
        return ",".join(f"{key}={shown(value[key])}" for key in sorted(value)) or None
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return described(value)
    return value


def path_text(value: Any) -> str:
    """Return a setting's value for a folder's name: [300, 50] -> '300-50'."""
    if isinstance(value, list | tuple):
        return "-".join(map(path_text, value))
    text = re.sub(r"[^\w.+-]", "_", value if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
