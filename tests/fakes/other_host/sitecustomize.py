"""Every Python that finds this on its path believes to be on the host TEST_HOSTNAME."""

import os
import socket

_NAME = os.environ["TEST_HOSTNAME"]
socket.gethostname = lambda: _NAME
