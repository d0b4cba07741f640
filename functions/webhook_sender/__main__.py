from eventing.serving import run
from functions.webhook_sender.app import NAME, SenderSettings, build


def main() -> None:
    run(NAME, SenderSettings, build)


if __name__ == "__main__":
    main()
