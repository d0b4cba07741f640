"""``alloresto demo``: one spoken order, watched from the INVITE to the row in Postgres."""
