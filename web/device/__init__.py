"""The staff's devices in a restaurant: a page that is installed on a tablet or a phone with an earpiece."""
