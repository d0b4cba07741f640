from eventing.serving import FunctionSettings, run
from functions.cache_invalidator.app import build

if __name__ == "__main__":
    run("cache_invalidator", FunctionSettings, build)
