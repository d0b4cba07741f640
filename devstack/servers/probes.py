"""Ask a process on this machine whether it is ready, without waiting for it."""

from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 2.0


def is_ready(port: int) -> bool:
    """Whether ``/health/ready`` answers 200 at this loopback port; False when nothing listens there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
