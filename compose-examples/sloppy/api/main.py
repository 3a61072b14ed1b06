import shutil

import idna

MESSAGE = "api one"
print(MESSAGE, "idna", idna.__version__, "jq" if shutil.which("jq") else "no jq")
