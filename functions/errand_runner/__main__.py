from eventing.serving import run
from functions.errand_runner.app import NAME, RunnerSettings, build


def main() -> None:
    run(NAME, RunnerSettings, build)


if __name__ == "__main__":
    main()
