"""The page for operators: its frame and its tabs."""

from pathlib import Path

import gradio as gr

from chatbot.insights.desk import InsightDesk
from chatbot.reviews import Reviews
from chatbot.web.ui.inbox_tab import InboxParts, InboxTab
from chatbot.web.ui.page_audit import PageAudit
from chatbot.web.ui.review_tab import ReviewTab
from finetune.hearing import Hearing
from finetune.web.adapters import AdapterDesk
from finetune.web.adapters_tab import AdaptersTab
from finetune.web.comparing import BlindDesk, Evaluations
from finetune.web.comparing_tabs import BlindTab, EvaluationTab
from finetune.web.examples import ExamplesDesk
from finetune.web.examples_tab import ExamplesTab
from finetune.web.frame import Header
from finetune.web.insights_tab import InsightParts, InsightsTab
from finetune.web.knowledge import KnowledgeDesk
from finetune.web.knowledge_tab import KnowledgeTab
from finetune.web.parts import I18N, words_of
from finetune.web.privacy import PrivacyDesk
from finetune.web.privacy_tab import PrivacyTab
from finetune.web.training import TrainingDesk
from finetune.web.training_tab import TrainingTab
from finetune.web.upload import Uploads
from finetune.web.upload_tab import UploadTab
from finetune.web.workshop import Workshop

__all__ = ["CSS", "I18N", "JS", "build_page"]
CSS = Path(__file__).with_name("style.css")
JS = Path(__file__).with_name("page.js")
_KEPT_S = 24 * 3600


def build_page(
    workshop: Workshop,
    inbox: InboxParts | None = None,
    reviews: Reviews | None = None,
    insights: InsightDesk | None = None,
) -> gr.Blocks:
    """The page, ready to be mounted; files that were made for a download are removed after a day.

    Args:
        inbox: For the tab in which agents answer; left out where there is none.
        reviews: For the tab in which bad answers are corrected; likewise.
        insights: For the tab that shows what conversations tell; left out where there is none.
    """
    company, audit = workshop.settings.company_name, PageAudit(workshop.audit)
    with gr.Blocks(
        title=f"{company} · Frontdesk", analytics_enabled=False, delete_cache=(3600, _KEPT_S)
    ) as blocks:
        header = Header(company)
        tabs = gr.Tabs(elem_id="ft-tabs")
        with tabs, gr.Tab(I18N("finetune"), id="finetune"), gr.Tabs(elem_id="ft-steps"):
            with gr.Tab(I18N("transcripts"), id="transcripts"):
                upload = UploadTab(
                    Uploads(
                        workshop.uploads,
                        workshop.imported,
                        workshop.forgotten_ones,
                        Hearing(workshop.settings),
                    ),
                    audit,
                )
            with gr.Tab(I18N("privacy"), id="privacy") as privacy_tab:
                privacy = PrivacyTab(
                    PrivacyDesk(workshop.imported, workshop.redacted, workshop.terms, workshop.redaction),
                    audit,
                )
            with gr.Tab(I18N("examples"), id="examples") as examples_tab:
                examples = ExamplesTab(
                    ExamplesDesk(workshop.workspace, workshop.knowledge_base, workshop.settings)
                )
            with gr.Tab(I18N("training"), id="training") as training_tab:
                training = TrainingTab(TrainingDesk(workshop.workspace, workshop.settings), audit)
            with gr.Tab(I18N("adapters"), id="adapters") as adapters_tab:
                adapters = AdaptersTab(
                    AdapterDesk(
                        workshop.registry,
                        workshop.registry_of_base,
                        workshop.settings.adapter,
                        workshop.feedback,
                    ),
                    audit,
                )
            evaluations = Evaluations(workshop.evaluations)
            with gr.Tab(I18N("evaluation"), id="evaluation") as evaluation_tab:
                evaluation = EvaluationTab(evaluations)
            with gr.Tab(I18N("blind"), id="blind") as blind_tab:
                blind = BlindTab(BlindDesk(workshop.blind), evaluations, evaluation)
        with tabs, gr.Tab(I18N("knowledge"), id="knowledge") as knowledge_tab:
            knowledge_desk = KnowledgeDesk(
                workshop.knowledge_base, workshop.unanswered, workshop.settings.template_min_similarity
            )
            knowledge = KnowledgeTab(knowledge_desk, audit)
        knowledge.load(knowledge_tab)
        if insights:
            rule = workshop.settings.insights.rule
            with tabs, gr.Tab(I18N("insights"), id="insights") as insights_tab:
                told = InsightsTab(
                    InsightParts(insights, rule, knowledge_desk.open_questions, workshop.masked)
                )
            told.load(insights_tab)
        if inbox:
            with tabs, gr.Tab(I18N("inbox"), id="inbox") as inbox_tab:
                agents = InboxTab(inbox, I18N)
            agents.load(blocks, inbox_tab)
        if reviews:
            with tabs, gr.Tab(I18N("review"), id="review") as review_tab:
                reviewing = ReviewTab(reviews, I18N, audit)
            reviewing.load(blocks, review_tab)
        upload.load(blocks)
        evaluation.load(blocks, evaluation_tab)
        blind.load(blocks, blind_tab)
        privacy.load(blocks, privacy_tab)
        examples.load(blocks, examples_tab)
        training.load(blocks, training_tab)
        adapters.load(blocks, adapters_tab)
        header.load(blocks, lambda request: words_of(request)["title"])
    return blocks
