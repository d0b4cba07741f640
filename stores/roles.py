"""The roles that processes log in as, for a server that has none of them: a dump of a database holds no roles.

What migrations 0001, 0044, 0047 and 0050 make on a server that they are the first on.
"""

from stores.migrate import APP_ROLE, ARCHIVE_ROLE, BACKUP_ROLE, PLATFORM_ROLE, SYNTHETIC_ROLE
from stores.postgres import Connection

_SERVING = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
_BACKUP = {"default_transaction_read_only": "on", "lock_timeout": "60s"}
_SYNTHETIC = {"statement_timeout": "10s", "lock_timeout": "5s"}
_ARCHIVE = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "10min"}
SETTINGS = {
    APP_ROLE: _SERVING,
    PLATFORM_ROLE: _SERVING,
    BACKUP_ROLE: _BACKUP,
    SYNTHETIC_ROLE: _SYNTHETIC,
    ARCHIVE_ROLE: _ARCHIVE,
}


async def ensure(connection: Connection) -> None:
    """Make those that are missing, without passwords.

    Raises asyncpg.InsufficientPrivilegeError where ``connection``'s role may make no role, or none that row-level
    security does not bind.
    """
    for role, settings in SETTINGS.items():
        if await connection.fetchval("select 1 from pg_roles where rolname = $1", role):
            continue
        await connection.execute(f"create role {role} login{' bypassrls' if role == BACKUP_ROLE else ''}")
        for name, value in settings.items():
            await connection.execute(f"alter role {role} set {name} = '{value}'")
