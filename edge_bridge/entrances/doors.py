"""Opens the entrances besides SIP that the settings ask for."""

from typing import TYPE_CHECKING

from edge_bridge.entrances.audiosocket.server import AudioSocketServer, tls_context
from edge_bridge.entrances.sessions import Sessions
from edge_bridge.settings import EdgeSettings, cannot_listen

if TYPE_CHECKING:
    from edge_bridge.entrances.twilio.server import TwilioServer


class Doors:
    """AudioSocket's and Twilio's, each closed where its port is 0."""

    def __init__(self, config: EdgeSettings, sessions: Sessions) -> None:
        self._config = config
        self._sessions = sessions
        self._audiosocket: AudioSocketServer | None = None
        self._twilio: TwilioServer | None = None

    async def open(self) -> None:
        """Raises OSError, whose text is one line for the operator."""
        config = self._config
        if config.audiosocket_port:
            tls = None
            if config.audiosocket_tls_cert:
                try:
                    tls = tls_context(config.audiosocket_tls_cert, config.audiosocket_tls_key)
                except OSError as error:
                    why = f"cannot be used: {error.strerror or type(error).__name__}"
                    raise OSError(f"AUDIOSOCKET_TLS_CERT, AUDIOSOCKET_TLS_KEY: {why}") from None
            self._audiosocket = AudioSocketServer(self._sessions, config.audiosocket_networks(), tls)
            try:
                await self._audiosocket.start(config.audiosocket_bind_address, config.audiosocket_port)
            except OSError as error:
                host, port = config.audiosocket_bind_address, config.audiosocket_port
                raise OSError(cannot_listen("AUDIOSOCKET_PORT", host, port, error)) from None
        if config.twilio_port:
            # aiohttp's server: 40 ms and memory that a node without Twilio's door saves.
            from edge_bridge.entrances.twilio.server import TwilioServer

            self._twilio = TwilioServer(self._sessions, config.twilio_public_url)
            try:
                await self._twilio.start(config.twilio_bind_address, config.twilio_port)
            except OSError as error:
                host, port = config.twilio_bind_address, config.twilio_port
                raise OSError(cannot_listen("TWILIO_PORT", host, port, error)) from None

    async def close(self) -> None:
        if self._audiosocket is not None:
            self._audiosocket.stop()
        if self._twilio is not None:
            await self._twilio.stop()
