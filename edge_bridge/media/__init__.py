"""The audio of a call: its queues, its recording, and the WebSocket to the handler."""
