from eventing.serving import PlatformSettings, run
from functions.dead_letter_keeper.app import NAME, build

if __name__ == "__main__":
    run(NAME, PlatformSettings, build)
