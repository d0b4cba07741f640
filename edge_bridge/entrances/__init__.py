"""Where calls come in. There is one entrance today: SIP."""
