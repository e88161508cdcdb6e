"""Settings of the tuning loop; `chatbot.settings` nests them under `finetune`. What they do is in `finetune/`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Method = Literal["lora", "rslora", "dora", "adalora", "prefix"]
LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DatasetSettings(_Group):
    """How examples are made, from conversations and from the knowledge base."""

    company_name: str = "Wrenfield"
    """Company that the assistant speaks for in the examples."""
    examples: int = Field(4_000, ge=1)
    """Most examples made from the knowledge base."""
    passages: int = Field(3, ge=1, le=9)
    """Passages in each prompt, as in serving."""
    questions_per_context: int = Field(5, ge=1, le=20)
    """Questions asked about the same passages; they share the prompt's beginning, which is computed once."""
    refusal_share: float = Field(0.25, ge=0, le=0.8)
    """Share of questions that the passages do not answer."""
    specific_share: float = Field(0.25, ge=0, le=1)
    """Share of questions about one sentence instead of a section's beginning."""
    screen_share: float = Field(0.06, ge=0, le=1)
    """Share of contexts whose question comes with the text of a screenshot."""
    follow_up_share: float = Field(0.05, ge=0, le=1)
    """Share of contexts with an earlier question and answer."""
    clarify_share: float = Field(0.02, ge=0, le=1)
    """Share of contexts with a question too vague to answer, which is asked back."""
    shuffle_share: float = Field(0.1, ge=0, le=1)
    """Share of questions whose passages are not in the retriever's order."""
    augment_share: float = Field(0.4, ge=0, le=1)
    """Share of questions in lower case, in keywords, with slips of the keyboard."""
    instruction_share: float = Field(0.05, ge=0, le=1)
    """Share of general instructions mixed in against forgetting."""
    max_answer_words: int = Field(60, ge=5)
    """Longest answer made from a section."""
    min_answer_words: int = Field(4, ge=1)
    """Shorter answers of agents teach nothing and are left out."""
    max_prompt_tokens: int = Field(900, ge=64)
    """Longest prompt, in the base model's tokens (estimated when no tokenizer is at hand)."""
    long_share: float = Field(0.15, ge=0, le=1)
    """Share of prompts that may be longer than `usual_prompt_tokens`."""
    usual_prompt_tokens: int = Field(560, ge=64)
    """Length most prompts stay under, to save time."""
    validation_share: float = Field(0.05, gt=0, lt=0.5)
    """Share of sources kept for validation."""
    test_share: float = Field(0.05, ge=0, lt=0.5)
    """Share of sources kept for the final measurement."""
    duplicate_similarity: float = Field(0.8, gt=0, le=1)
    """Jaccard similarity of word triples from which two conversations are near-duplicates."""


class TrainSettings(_Group):
    """How an adapter is trained."""

    method: Method = "lora"
    """LoRA, rank-stabilised LoRA, DoRA, AdaLoRA or prefix tuning."""
    r: int = Field(16, ge=1, le=512)
    """Rank of the update of each linear layer."""
    lora_alpha: int = Field(32, ge=1)
    """The update is scaled by `lora_alpha / r` (rsLoRA: by the square root of r)."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout before the update; 0 is fastest."""
    target_modules: tuple[str, ...] = LINEAR_LAYERS
    """Layers that are adapted, by the end of their names."""
    first_layer: int = Field(0, ge=0)
    """First layer that is adapted; the ones below cost no backward pass."""
    virtual_tokens: int = Field(16, ge=1, le=512)
    """Length of the learned prefix of prefix tuning."""
    quantize_base: bool = False
    """QLoRA: the base in 4 bits, where bitsandbytes works."""
    learning_rate: float = Field(4e-4, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay of AdamW."""
    warmup_share: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises; then it falls as a cosine."""
    epochs: float = Field(1.0, gt=0)
    """Passes over the training part."""
    tokens_per_step: int = Field(1_600, ge=64)
    """Tokens of one optimiser step, all accumulated packs together."""
    pack_tokens: int = Field(800, ge=64)
    """Tokens computed together; examples with a common beginning are packed as one tree."""
    examples_per_context: int = Field(2, ge=0)
    """Most examples of one context that are computed together: more are faster, but stand in one step, which then
    holds few contexts. 0 sets no limit."""
    max_length: int = Field(1_200, ge=64)
    """Longer examples are left out and counted."""
    mark_weight: float = Field(3.0, gt=0)
    """Weight in the loss of the passage's number, which chooses or refuses."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Longest gradient."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` uses bf16 on a GPU that has it and on a CPU with AMX; fp32 is faster elsewhere."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory."""
    evaluate_every_steps: int = Field(40, ge=1)
    """Steps between two validations."""
    validation_examples: int = Field(200, ge=1)
    """Most examples of one validation."""
    patience: int = Field(4, ge=1)
    """Validations without a better loss after which training stops."""
    checkpoint_every_s: float = Field(180.0, ge=0)
    """Seconds between two checkpoints."""
    seed: int = 7
    """Seed of the initial weights and of the order."""
    threads: int = Field(0, ge=0, le=1024)
    """CPU threads; 0 leaves the choice to torch."""
    max_memory_share: float = Field(0.9, gt=0, le=1)
    """Share of the free memory that a run may be estimated to need."""
    max_hours: float = Field(12.0, gt=0)
    """Runs estimated to take longer are refused."""
    tensorboard: bool = False
    """Write TensorBoard event files beside the checkpoints (needs the package `tensorboard`)."""
    wandb_project: str = ""
    """Weights & Biases project; nothing is sent when empty (needs the package `wandb`)."""


class VisionTrainSettings(TrainSettings):
    """How the projector is trained, alone or with an adapter; what is not named here is as for adapters."""

    stage: Literal["projector", "joint"] = "joint"
    """`projector` leaves the language model as it is; `joint` trains an adapter for looking at screens with it."""
    kind: Literal["mlp", "linear"] = "mlp"
    """Shape of the projector."""
    layer: int = Field(9, ge=1)
    """Block of the vision tower whose features are used."""
    image_px: int = Field(336, ge=28)
    """Side of the square that the tower sees."""
    scale_factor: int = Field(3, ge=1)
    """So many patches by so many become one visual token."""
    projector_width: int = Field(576, ge=1)
    """Width of the projector's hidden layer."""
    projector_rate_factor: float = Field(2.5, gt=0)
    """Learning rate of the projector, in multiples of `learning_rate`."""
    alignment_steps: int = Field(1_000, ge=0)
    """Steps of 16 screens in which the projector alone learns to name what it sees, before the language model reads."""
    questions_per_screen: int = Field(8, ge=1)
    """Most questions about one screen in one channel; they share its visual tokens, which are computed once."""
    both_share: float = Field(0.25, ge=0, le=1)
    """Share of the screens that are also asked about with picture and text."""
    ocr_share: float = Field(0.05, ge=0, le=1)
    """Share of the screens that are also asked about with their text alone."""
    mixed_share: float = Field(0.1, ge=0, le=1)
    """Share of the examples of answering from passages, if there are any, that are shown a screen as well."""
    answer_weight: float = Field(3.0, gt=0)
    """Weight of an answer's token; those of descriptions, which are longer, have 1."""
    pack_tokens: int = Field(512, ge=64)
    """Tokens computed together."""
    examples_per_context: int = Field(0, ge=0)
    """Most questions that share the computation of one screen in one channel; 0 sets no limit."""
    tokens_per_step: int = Field(1_000, ge=64)
    """Tokens of one optimiser step."""
    evaluate_every_steps: int = Field(100, ge=1)
    """Steps between two validations."""
    validation_examples: int = Field(40, ge=1)
    """Most screens of one validation."""
    patience: int = Field(8, ge=1)
    """Validations without a better loss after which training stops."""

    @model_validator(mode="after")
    def _is_a_plain_method(self) -> "VisionTrainSettings":
        if self.method in ("adalora", "prefix"):
            raise ValueError("method must be lora, rslora or dora for the vision part")
        if self.alignment_steps in (1, 2):  # one to rise, one to fall, and one between
            raise ValueError("alignment_steps must be 0 or at least 3")
        return self


class FinetuneSettings(_Group):
    """Everything of the tuning loop that can be set."""

    dataset: DatasetSettings = DatasetSettings()
    """How examples are made."""
    train: TrainSettings = TrainSettings()
    """How an adapter is trained."""
    vision: VisionTrainSettings = VisionTrainSettings()
    """How the projector is trained."""

    @model_validator(mode="after")
    def _fits(self) -> "FinetuneSettings":
        if self.dataset.max_prompt_tokens + 64 > self.train.max_length:
            raise ValueError("train.max_length must be at least dataset.max_prompt_tokens + 64")
        return self
