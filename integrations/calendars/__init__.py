"""Where a restaurant keeps its time: bookings stand there, and what else stands there is respected."""
