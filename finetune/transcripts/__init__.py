"""Transcripts of every common kind to conversations that can be learnt from: read, checked, reported.

`read_transcripts` streams one file, `import_transcripts` puts many together, `preview` shows the beginning of one.
"""

from finetune.transcripts.formats import FORMATS, detect_format
from finetune.transcripts.importing import ImportReport, import_transcripts, load_report, report_path
from finetune.transcripts.mapping import suggest_mapping
from finetune.transcripts.own_format import (
    as_record,
    dump_conversation,
    load_conversation,
    load_conversations,
)
from finetune.transcripts.own_store import from_store
from finetune.transcripts.preview import Preview, preview
from finetune.transcripts.read import read_transcripts
from finetune.transcripts.tables import neutralised
from finetune.transcripts.values import (
    ColumnMapping,
    Dropped,
    Limits,
    ReadOptions,
    TranscriptError,
    safe_label,
)

__all__ = [
    "FORMATS",
    "ColumnMapping",
    "Dropped",
    "ImportReport",
    "Limits",
    "Preview",
    "ReadOptions",
    "TranscriptError",
    "as_record",
    "detect_format",
    "dump_conversation",
    "from_store",
    "import_transcripts",
    "load_conversation",
    "load_conversations",
    "load_report",
    "neutralised",
    "preview",
    "read_transcripts",
    "report_path",
    "safe_label",
    "suggest_mapping",
]
