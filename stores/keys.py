"""The name of every Redis key and channel, and nothing else."""

QUEUE = "queue:incoming_calls"
ACTIVE_CALLS = "stats:active_calls"
QUEUED_CALLS = "stats:queued_calls"
CALLS_TODAY = "stats:calls_today"
CALLS_IN_PROGRESS = "calls:in_progress"
CALLS_CUT = "stats:calls_cut"
ADMIN_READY = "status:admin"
PENDING_ORDERS = "orders:pending"
PENDING_CALLS = "calls:pending"
LINES_CHANGED = "lines:changed"
"""A pub/sub channel."""
OF_RESTAURANT = "restaurant:"  # and its id: said on LINES_CHANGED


def trunk_answers(trunk: str) -> str:
    return f"trunk:{trunk}:answers"


def restaurant_config(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:config"


def restaurant_menu(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:menu"


def restaurant_faq(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:faq"


def restaurant_chain(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:chain"


def restaurant_prompt(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:prompt"


def restaurant_greeting(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:greeting"


def restaurant_greeting_text(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:greeting:text"


def restaurant_greeting_voice(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:greeting:voice"


def restaurant_generation(restaurant_id: str) -> str:
    return f"resto:{restaurant_id}:generation"


def restaurant_calls(restaurant_id: str) -> str:
    """A hash: what is known of each call in progress, by its id."""
    return f"resto:{restaurant_id}:calls"


def restaurant_call_states(restaurant_id: str) -> str:
    """A hash: the last told state of each call in progress, by its id."""
    return f"resto:{restaurant_id}:call_states"


def restaurant_live(restaurant_id: str) -> str:
    """A pub/sub channel."""
    return f"resto:{restaurant_id}:live"


def order_misses(restaurant_id: str, whose: str) -> str:
    return f"resto:{restaurant_id}:order_misses:{whose}"


def bridge_registrations(node_id: str) -> str:
    return f"bridge:{node_id}:registrations"


def bridge_heartbeat(node_id: str) -> str:
    return f"bridge:{node_id}:heartbeat"


def bridge_count(node_id: str) -> str:
    return f"bridge:{node_id}:count"


def worker_status(node_id: str) -> str:
    return f"worker:{node_id}:status"


def worker_call(node_id: str) -> str:
    return f"worker:{node_id}:call"


def call_checkpoint(call_id: str) -> str:
    return f"call:{call_id}:checkpoint"


def engine_breaker(name: str) -> str:
    """A hash: how often a voice engine has failed of late, and until when it is left alone."""
    return f"engine:{name}:breaker"
