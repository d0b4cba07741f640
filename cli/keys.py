"""``alloresto keys``: which keys there are, and what an old one has written, written anew."""

from __future__ import annotations

import os
import secrets
from base64 import b64encode

import typer

app = typer.Typer(no_args_is_help=True, help="Keys: make, names, rotate.")


@app.command()
def make() -> None:
    """A new key for MASTER_KEY or BACKUP_KEY."""
    typer.echo(b64encode(secrets.token_bytes(32)).decode())


@app.command()
def names() -> None:
    """The names of the keys in MASTER_KEY and BACKUP_KEY, the one that writes first. A name tells nothing of a key."""
    from cli.database import refusal
    from stores.ciphers import decode_keys, key_name

    for variable in ("MASTER_KEY", "BACKUP_KEY"):
        text = os.environ.get(variable)
        if not text:
            continue
        try:
            typer.echo(f"{variable}: {', '.join(key_name(key) for key in decode_keys(text, variable))}")
        except ValueError as error:
            raise refusal(str(error)) from None


@app.command()
def rotate() -> None:
    """Write anew, with the first key of MASTER_KEY, what the others have written; says when they may go."""
    from stores import rotation

    rotation.main()
