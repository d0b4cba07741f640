from eventing.serving import PlatformSettings, run
from functions.archiver.app import NAME, build

if __name__ == "__main__":
    run(NAME, PlatformSettings, build)
