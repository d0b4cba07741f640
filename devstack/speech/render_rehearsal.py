"""``python -m devstack.speech.render_rehearsal``: the synthetic caller's sentences as 8 kHz µ-law files.

Run it after changing a sentence of ``synthetic_caller.script``, and commit what it writes.
"""

from __future__ import annotations

from synthetic_caller.script import CLIPS, SENTENCES, VOICE
from voices import synthesize_ulaw


def main() -> None:
    CLIPS.mkdir(exist_ok=True)
    for name, sentence in SENTENCES.items():
        (CLIPS / f"{name}.ulaw").write_bytes(synthesize_ulaw(sentence, VOICE))


if __name__ == "__main__":
    main()
