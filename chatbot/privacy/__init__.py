"""Personal data found and masked: in training data, log lines, webhooks and what goes to remote models.

`redactor_from_settings` gives the full redactor (Presidio, spaCy and our own rules), `pattern_redactor` the quick one.
"""

from chatbot.privacy.logs import PiiLogFilter
from chatbot.privacy.redactor import (
    Redactor,
    pattern_redactor,
    redactor_at_hand,
    redactor_from_settings,
)
from chatbot.privacy.rules import (
    CodePattern,
    PrivacyRules,
    ReviewerTerms,
    load_reviewer_terms,
    rules_from_settings,
)
from chatbot.privacy.spans import Masked, PiiSpan, PiiType, mask_spans, placeholder

__all__ = [
    "CodePattern",
    "Masked",
    "PiiLogFilter",
    "PiiSpan",
    "PiiType",
    "PrivacyRules",
    "Redactor",
    "ReviewerTerms",
    "load_reviewer_terms",
    "mask_spans",
    "pattern_redactor",
    "placeholder",
    "redactor_at_hand",
    "redactor_from_settings",
    "rules_from_settings",
]
