from eventing.serving import run
from functions.greeting_renderer.app import NAME, RendererSettings, build


def main() -> None:
    run(NAME, RendererSettings, build)


if __name__ == "__main__":
    main()
