"""What a page changed, told to the other screens of the restaurant once its transaction has committed."""

from process import logs
from stores import live
from web import context
from web.database import UnavailableError

TELL_WITHIN_S = 0.5

log = logs.get(__name__)


def tell(restaurant_id: str, event: live.LiveEvent) -> None:
    """Have the other screens drawn anew. Without Redis they look by themselves after a heartbeat."""
    try:
        context.database().redis(lambda redis: live.publish(redis, restaurant_id, event), within_s=TELL_WITHIN_S)
    except UnavailableError:
        log.warning("the live feed was not told", restaurant_id=restaurant_id)
