from eventing.serving import run
from functions.greeting_renderer.app import RendererSettings, build

if __name__ == "__main__":
    run("greeting_renderer", RendererSettings, build)
