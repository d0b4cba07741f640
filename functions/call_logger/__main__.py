from eventing.serving import FunctionSettings, run
from functions.call_logger.app import build

if __name__ == "__main__":
    run("call_logger", FunctionSettings, build)
