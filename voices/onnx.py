"""How this process runs ONNX models: few threads, and none that spins while it waits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# Since 1.29 the wheel keeps a device id in ~/.cache/Microsoft and queues the model's path, the CPU and the operating
# system for its maker. The library reads this when it is loaded, so every module that can load it, piper's included,
# is reached through this one.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def load_session(model: Path, threads: int) -> Any:
    """An onnxruntime InferenceSession on the CPU."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning gains a few milliseconds and takes whole cores from everything else on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
