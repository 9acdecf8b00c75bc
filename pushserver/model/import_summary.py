"""What an import of devices did, or would do."""

import attrs


@attrs.frozen(kw_only=True)
class ImportSummary:
    """How many devices an import created, updated and left unchanged."""

    created: int
    updated: int
    unchanged: int
