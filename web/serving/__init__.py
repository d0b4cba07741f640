"""How the admin is served: an event loop holds the connections, a bounded pool of threads runs Flask.

``worker`` is gunicorn's worker class and starts the rest; ``connection`` speaks HTTP/1.1 with one client; ``wsgi``
calls the application; ``admission`` bounds how many clients there are and how slow they may be; ``handover`` is how a
view leaves an open stream to the loop. No thread waits for a client: a request is handed over when its last byte is
here, and what a slow reader has not taken yet stays with the loop.
"""
