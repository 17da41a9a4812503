"""The containers' health check: `probe.py PORT PATH` is content with a 200 on loopback within a second.

Standard library's socket only: it runs every two seconds, and an HTTP client would cost its import each time.
"""

import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1.0) as connection:
    connection.sendall(f"GET {sys.argv[2]} HTTP/1.0\r\n\r\n".encode())
    sys.exit(b" 200 " not in connection.recv(64))
