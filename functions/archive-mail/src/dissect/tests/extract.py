"""Prints what Python's `email` finds in mails: a line of JSON for each file, with its parts that are no multiparts."""

import email.policy
import hashlib
import json
import sys
from email.parser import BytesParser


def leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for child in part.get_payload():
            yield from leaves(child)
    else:
        yield part


def describe(part):
    # Python has no bytes of a mail within a mail, only its parsed form.
    contents = None if part.is_multipart() else part.get_payload(decode=True)
    try:
        name = part.get_filename()
    except Exception as error:  # Python fails at some names; that is a difference to explain, not to hide
        name = f"<{type(error).__name__}>"
    return {
        "type": part.get_content_type(),
        "name": name,
        "sha256": contents is not None and hashlib.sha256(contents).hexdigest() or None,
    }


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        # Not `parse`, which reads text and so changes line ends.
        message = BytesParser(policy=email.policy.default).parsebytes(file.read())
    print(json.dumps({"path": path, "parts": [describe(part) for part in leaves(message)]}))
