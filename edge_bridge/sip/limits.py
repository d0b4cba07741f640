"""The limits compiled into the public pjsua2 wheel. A build with larger ones needs only these changed."""

MAX_CALLS = 4  # PJSUA_MAX_CALLS: the fifth INVITE gets 486 from pjsip itself
MAX_ACCOUNTS = 8  # PJSUA_MAX_ACC: the ninth account aborts the process
MAX_LINES = MAX_ACCOUNTS
