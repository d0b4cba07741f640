"""gunicorn's settings for the admin: ``gunicorn -c web/gunicorn.conf.py 'web:create_app()'``.

The worker class is ours (``web.serving``): slow clients and live pages hold no thread.
"""

# ruff: noqa: N999 - the name that gunicorn looks for by itself

import gc
import os
import tempfile
from typing import Any

bind = [f"{os.environ.get('WEB_HOST') or '0.0.0.0'}:{os.environ.get('PORT') or '8080'}"]
if os.environ.get("WEB_METRICS_PORT"):
    bind.append(f"{os.environ.get('WEB_HOST') or '0.0.0.0'}:{os.environ['WEB_METRICS_PORT']}")
worker_class = "web.serving.worker.Worker"
workers = int(os.environ.get("WEB_WORKERS") or 1)
threads = int(os.environ.get("WEB_THREADS") or 24)
if os.path.isdir("/dev/shm"):
    worker_tmp_dir = "/dev/shm"  # the heartbeat file: a slow disk must not look like a hung worker
timeout = 30
graceful_timeout = 10
keepalive = 75  # longer than an ingress keeps its side (60 s): it must not send into our closing
# The control socket lives under HOME: it clashes between instances and fails on read-only roots.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"

if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    # Each worker counts for itself; /metrics adds them up from these files.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="alloresto-web-metrics-")


def on_starting(_server: Any) -> None:
    """Refuse wrong settings once, here: gunicorn would start a worker that refuses them again and again."""
    from web.settings import from_environment

    from_environment()


def pre_fork(_server: Any, _worker: Any) -> None:
    """Keep the worker's collector off what it has from here: its first full run would copy every page of that."""
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
