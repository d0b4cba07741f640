from eventing.serving import run
from functions.greeting_renderer.app import Settings, build

if __name__ == "__main__":
    run("greeting_renderer", Settings, build)
