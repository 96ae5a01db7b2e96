"""Judges the OCSF events on stdin by the models of `py-ocsf-models`: says how many there are, or what is wrong.

The models ignore members they do not know and take any number for a time, so both are checked here.
"""

import json
import sys

from py_ocsf_models import OCSF_VERSION
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from py_ocsf_models.events.findings.severity_id import SeverityID
from py_ocsf_models.objects.cloud import Cloud

# The class of the models lacks these; OCSF has `cloud` by the profile `cloud`, and `status` since 1.1.
NOT_IN_MODELS = {("cloud",), ("compliance", "status")}


def unknown(event, known, path=()):
    """The members of `event` that did not survive the models. What is free-form is not looked into."""
    for name, value in event.items():
        here = (*path, name)
        if here in NOT_IN_MODELS or name in ("unmapped", "data"):
            continue
        if name not in known:
            yield ".".join(here)
        elif isinstance(value, dict):
            yield from unknown(value, known[name], here)
        elif isinstance(value, list):
            for row, known_row in zip(value, known[name], strict=True):
                if isinstance(row, dict):
                    yield from unknown(row, known_row, here)


def judge(event):
    """Raises if `event` is no Compliance Finding."""
    finding = ComplianceFinding.model_validate(event, strict=False)
    strangers = list(unknown(event, finding.model_dump(mode="json", exclude_none=True)))
    assert not strangers, f"members that OCSF does not know: {strangers}"
    cloud = Cloud.model_validate(event["cloud"])
    strangers = list(unknown(event["cloud"], cloud.model_dump(mode="json", exclude_none=True)))
    assert not strangers, f"members of `cloud` that OCSF does not know: {strangers}"
    assert "cloud" in event["metadata"]["profiles"], "`cloud` is a member by its profile only"
    assert event["metadata"]["version"] == OCSF_VERSION, "another version of OCSF"
    assert event["class_uid"] == 2003 and event["category_uid"] == 2, "another class"
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"], "type_uid"
    assert event["severity"] == SeverityID(event["severity_id"]).name, "severity"
    for time in (event["time"], event["finding_info"]["created_time"]):
        assert time > 10**12, f"{time} are not milliseconds"


events = json.load(sys.stdin)
for event in events:
    judge(event)
print(f"{len(events)} events")
