"""What Postgres takes for a text."""

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # U+0000 and lone surrogates: no text column holds these
