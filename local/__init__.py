"""The same system on one laptop: embedded servers, the Knative contract as processes, local speech."""
