"""The image that all components run in."""

import os

from nas_lib import __version__

IMAGE = os.environ.get("NAS_IMAGE") or f"kfp-nas:{__version__}"
