"""fetch_in_a_process.py MIRROR GIT_BLOB FOLDER: what two of which do at once, a test looks at."""

import sys
from dataclasses import replace
from pathlib import Path

from tsm_edge.published import PUBLISHED, fetch

url, blob, directory = sys.argv[1:]
entry = replace(PUBLISHED["jester-mobilenetv2-online"], git_blob=blob, mirrors=(url,))
print(fetch(entry, directory=Path(directory)))
