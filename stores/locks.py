"""What the advisory locks are known by: any numbers, each used once, the same in every release.

A class stands beside a hash of what is locked; the others lock one thing alone.
"""

MIGRATIONS = 724501
PARTITIONS = 724502  # taken by the SQL function ensure_partitions (migration 0005)
RELAY_LANES = 724503  # class
LOGGED_CALLS = 724504  # class
LINE_ASSIGNER = 724505
RESERVATIONS = 724506  # class: one restaurant's tables, while one is chosen
KEY_ROTATION = 724507
CUSTOMER_NUMBERS = 724508  # class: one number, while MASTER_KEY is rotated
