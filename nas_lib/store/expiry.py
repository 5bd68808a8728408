"""How checkpoints that a search left behind are removed after a while.

In S3 `nas store init` makes the rule. Google's and Azure's rules are made with their own tools,
for which this has the words.
"""

from __future__ import annotations

import json
from collections.abc import Callable

CHECKPOINT_DAYS = 30


def _google_rule(bucket: str, prefix: str) -> str:
    condition = {"age": CHECKPOINT_DAYS, "matchesPrefix": [f"{prefix}/checkpoints/".lstrip("/")]}
    rule = {"rule": [{"action": {"type": "Delete"}, "condition": condition}]}
    return (
        "checkpoints of unfinished children stay, unless a rule of the bucket removes them: "
        f"gcloud storage buckets update gs://{bucket} --lifecycle-file=FILE "
        f"(instead of its present rules) with {json.dumps(rule)} in the file"
    )


def _azure_rule(container: str, prefix: str) -> str:
    folder = f"{container}/{prefix}".rstrip("/") + "/checkpoints/"
    definition = {
        "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [folder]},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": CHECKPOINT_DAYS}}},
    }
    policy = {"rules": [{"name": "nas", "type": "Lifecycle", "definition": definition}]}
    return (
        "checkpoints of unfinished children stay, unless a rule of the account removes them: "
        "az storage account management-policy create --account-name ACCOUNT "
        f"--resource-group GROUP --policy '{json.dumps(policy)}' (instead of its present rules)"
    )


EXPIRY_RULES: dict[str, Callable[[str, str], str]] = {"gs": _google_rule, "az": _azure_rule}
