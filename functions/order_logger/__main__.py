from eventing.serving import FunctionSettings, run
from functions.order_logger.app import build

if __name__ == "__main__":
    run("order_logger", FunctionSettings, build)
