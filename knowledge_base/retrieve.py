"""A question to ranked passages and FAQ entries. Knows no store: it searches one frozen snapshot.

Vectors are compared exactly in memory: 0.05 ms for a thousand passages where Chroma's graph takes 1 ms, the cosine
of every passage is known, and a search never sees half an ingest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from knowledge_base.admission import Admitted, Mask, Scopes
from knowledge_base.chunk import windows
from knowledge_base.documents import (
    FAQ_PREFIX,
    Chunk,
    Document,
    FaqEntry,
    FaqMatch,
    RetrievalResult,
    RetrievedChunk,
    Section,
)
from knowledge_base.duplicates import MIN_COSINE, Kept, fold, say_the_same
from knowledge_base.embed import TextEmbedder
from knowledge_base.embed_backends import Vectors
from knowledge_base.image_reading import ImageReading
from knowledge_base.image_search import (
    MIN_SAME,
    MIN_TOLD,
    SIBLING_GAP,
    FeaturesOf,
    Pictures,
    evidence_of_words,
    worth_showing,
)
from knowledge_base.images import ImageMatch, StoredImage
from knowledge_base.items import Item
from knowledge_base.lexical import LexicalIndex, Scores, codes, words_of
from knowledge_base.lexical_similarity import CharacterIndex
from knowledge_base.passages import AllPassages
from knowledge_base.products import Products
from knowledge_base.ranking import best
from knowledge_base.rerank import Reranker
from knowledge_base.scope import FOR_CUSTOMERS, Filters, scope_of
from knowledge_base.sections import section_around
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.text import guess_language, is_east_asian
from knowledge_base.word_pairs import pair_scores

Places = npt.NDArray[np.intp]
_MAX_FAQ_MATCHES = 5
_MAX_IMAGE_MATCHES = 5
_MAX_QUERY_CHARS = 4_000
_MAX_SCREEN_CHARS = 1_500
MAX_UNKNOWN_SHARE = 0.2
_LEFT_OUT = -9.0  # below every cosine
_WINDOW_TOKENS = 96  # of a long question, where models see nothing past their limit


def comparing(embedder: TextEmbedder) -> Callable[[str, Sequence[str]], list[float]]:
    """Compares a question with passages as `Retriever.retrieve` does: gives the `dense` score of each.

    For passages that come without a search. A passage is its `embedding_text`.
    """

    def similarities(question: str, passages: Sequence[str]) -> list[float]:
        pieces = _pieces(embedder, question.strip()[:_MAX_QUERY_CHARS])
        if not pieces or not passages:
            return [0.0] * len(passages)
        found = embedder.encode(passages) @ embedder.encode(pieces, "query").T
        return [float(score) for score in found.max(axis=1)]

    return similarities


def _pieces(embedder: TextEmbedder, text: str) -> list[str]:
    return windows(text, embedder.count_tokens, _WINDOW_TOKENS)


def fuse_rankings(
    rankings: Mapping[str, Sequence[str]], k: int, weights: Mapping[str, float] | None = None
) -> list[tuple[str, float]]:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009): score = Σ weight / (k + rank), rank from 1.

    Args:
        rankings: Ids by name of ranking, best first; an id counts once in each, at its best rank.
        k: A larger one flattens the ranks.
        weights: By name of ranking; 1 where none is given.

    Returns:
        Ids with scores, best first; equal scores in order of first appearance.
    """
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        weight = (weights or {}).get(name, 1.0)
        for rank, identifier in enumerate(dict.fromkeys(ranking), 1):
            scores[identifier] = scores.get(identifier, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Snapshot:
    """Everything one search sees: never changed, only replaced.

    Attributes:
        chunk_vectors: Unit vectors `[chunks, dimension]`.
        items: What was put together, in order of key.
        phrasings: FAQ entry id and phrasing of each row of `phrasing_vectors`.
    """

    items: tuple[Item, ...]
    documents: Mapping[str, Document]
    faq: Mapping[str, FaqEntry]
    faq_codes: Mapping[str, frozenset[str]]
    chunks: Sequence[Chunk]
    chunk_vectors: Vectors
    phrasings: tuple[tuple[str, str], ...]
    phrasing_vectors: Vectors
    lexical: LexicalIndex
    characters: CharacterIndex
    phrasing_characters: CharacterIndex
    products: Products
    chunk_products: tuple[frozenset[str], ...]
    faq_products: Mapping[str, frozenset[str]]
    pictures: Pictures
    scopes: Scopes

    @classmethod
    def of(
        cls,
        items: Iterable[Item],
        dimension: int,
        images: Iterable[StoredImage] = (),
        features_of: FeaturesOf = lambda _: None,
    ) -> "Snapshot":
        """Puts stored items together for searching, in order of key."""
        items, chunk_vectors, phrasing_vectors = _together(items, dimension)
        documents = {item.record.id: item.record for item in items if isinstance(item.record, Document)}
        entries = [item.record for item in items if isinstance(item.record, FaqEntry)]
        chunks = AllPassages(item.chunks for item in items)
        phrasings = tuple((item.record.id, phrasing) for item in items for phrasing in item.phrasings)
        products = Products(documents.values())
        lexical = LexicalIndex(chunk.embedding_text for chunk in chunks)
        return cls(
            items=items,
            documents=documents,
            faq={entry.id: _linked(entry, documents) for entry in entries},
            faq_codes={
                entry.id: frozenset(codes("\n".join(entry.all_phrasings), as_written=True))
                for entry in entries
            },
            chunks=chunks,
            chunk_vectors=chunk_vectors,
            phrasings=phrasings,
            phrasing_vectors=phrasing_vectors,
            lexical=lexical,
            characters=CharacterIndex((chunk.embedding_text for chunk in chunks), lexical),
            phrasing_characters=CharacterIndex(phrasing for _, phrasing in phrasings),
            products=products,
            chunk_products=products.named_in_each(chunk.embedding_text for chunk in chunks),
            faq_products={e.id: products.named_in("\n".join((*e.all_phrasings, e.answer))) for e in entries},
            pictures=Pictures.of(images, chunks, features_of),
            scopes=Scopes.of(items),
        )

    def document(self, document_id: str) -> Document | None:
        """What a passage was cut from; for a FAQ passage, question and answer as a document."""
        if document_id.startswith(FAQ_PREFIX):
            entry = self.faq.get(document_id.removeprefix(FAQ_PREFIX))
            return entry.as_document if entry else None
        return self.documents.get(document_id)

    def places(self, document_ids: AbstractSet[str]) -> dict[str, int]:
        """Where the passages of some documents stand in `chunks`, by passage id."""
        found: dict[str, int] = {}
        at = 0
        for item in self.items:
            if item.record.id in document_ids:
                found |= {chunk.id: at + i for i, chunk in enumerate(item.chunks)}
            at += len(item.chunks)
        return found

    @cached_property
    def answers(self) -> tuple[Places, Places, Places]:
        """Passages that are FAQ answers, the place of each one's entry in `faq`, and that of each phrasing's."""
        numbers = {entry_id: number for number, entry_id in enumerate(self.faq)}
        answering: list[int] = []
        entries: list[int] = []
        at = 0
        for item in self.items:
            if isinstance(item.record, FaqEntry):
                answering += range(at, at + len(item.chunks))
                entries += [numbers[item.record.id]] * len(item.chunks)
            at += len(item.chunks)
        return (
            np.array(answering, np.intp),
            np.array(entries, np.intp),
            np.array([numbers[entry_id] for entry_id, _ in self.phrasings], np.intp),
        )


def _together(items: Iterable[Item], dimension: int) -> tuple[tuple[Item, ...], Vectors, Vectors]:
    """Items in order of key, and all vectors in two blocks that the items' own are parts of: each is there once."""
    ordered = sorted(items, key=lambda item: item.key)
    none = np.zeros((0, dimension), np.float32)
    chunks = np.concatenate([none, *(item.chunk_vectors for item in ordered)])
    phrasings = np.concatenate([none, *(item.phrasing_vectors for item in ordered)])
    found: list[Item] = []
    at, said = 0, 0
    for item in ordered:
        to, until = at + len(item.chunks), said + len(item.phrasings)
        spoken = phrasings[said:until] if item.phrasings else none  # a view takes 112 bytes
        found.append(replace(item, chunk_vectors=chunks[at:to], phrasing_vectors=spoken))
        at, said = to, until
    return tuple(found), chunks, phrasings


def _linked(entry: FaqEntry, documents: Mapping[str, Document]) -> FaqEntry:
    """An entry without an address of its own cites its article's, if customers may read that."""
    article = documents.get(entry.article_id)
    is_cited = article and not entry.url and scope_of(article).is_public
    return replace(entry, url=article.url) if article and is_cited else entry


class Retriever:
    """Hybrid search over the newest snapshot. Safe to use from several threads."""

    def __init__(
        self,
        embedder: TextEmbedder,
        snapshot: Callable[[], Snapshot],
        settings: KnowledgeBaseSettings,
        reranker: Reranker | None = None,
    ) -> None:
        self._embedder = embedder
        self._snapshot = snapshot
        self._settings = settings
        self._reranker = reranker

    def retrieve(
        self,
        query: str,
        top_k: int | None = None,
        extra: str = "",
        images: Sequence[ImageReading] = (),
        filters: Filters = FOR_CUSTOMERS,
    ) -> RetrievalResult:
        """Passages and FAQ entries for a question and for what a screenshot shows.

        The question, the screen's text, the words that stand side by side on the screen, and the codes and part numbers
        in both rank the passages separately, and the rankings are fused: keywords with a little less weight, and the
        words side by side with less, the more the question says by itself. A code counts twice, for BM25 finds it too.
        Without a question the screen's text takes its place, and its words weigh more than its sense. Passages with an
        image that surely shows the same screen make one more ranking, which outweighs the others where there is no
        question, and those with one like it make another; for a screen with hardly a word, one that is only more like
        it than all others is enough.

        Args:
            query: The customer's question, may be empty.
            top_k: Passages wanted; the setting when None.
            extra: Text read from a screenshot.
            images: Screenshots to be compared with the images of documents.
            filters: What may be found at all: what does not fit takes nobody's place.

        Returns:
            Passages by fused score, before them those that a reranker looked at, by what it says. Each has the raw
            `dense` cosine and `bm25` score of the question, the ids of those left out because they say nearly the same,
            and its section where that was cut. And the nearest FAQ entries.
            Nothing when the knowledge base or the question is empty. Where the embedder lacks the question's script,
            `dense` is the share of the question's characters found (also there as `coverage`), and FAQ similarity the
            cosine of characters: both run lower than embeddings' do.
        """
        snapshot = self._snapshot()
        question, screen = query.strip()[:_MAX_QUERY_CHARS], extra.strip()
        main, side = (question, screen[:_MAX_SCREEN_CHARS]) if question else (screen[:_MAX_QUERY_CHARS], "")
        admitted = snapshot.scopes.admitted(filters)
        matches = self._image_matches(snapshot, images, admitted)
        if not (main or matches) or not (snapshot.chunks or snapshot.phrasings):
            return RetrievalResult(query)
        seen, beside = self._look(snapshot, main), self._look(snapshot, side) if side else None
        asked = snapshot.lexical.asked_codes(f"{main}\n{extra}")
        named = sorted({*asked, *snapshot.lexical.asked_parts(f"{main}\n{extra}")})
        is_wordless = not words_of(main) if question else evidence_of_words(screen) < MIN_TOLD
        same, alike = _with_images(snapshot, worth_showing(matches, is_wordless=is_wordless))
        rankings = self._rankings(snapshot, seen, beside, named, admitted.chunks)
        sure = float(seen.dense.max(where=admitted.chunks, initial=0))
        if shown := side if question else main:
            rankings["word_pairs"] = self._by_word_pairs(snapshot, shown, rankings)
        rankings |= {"image": [str(i) for i in same], "image_like": [str(i) for i in alike]}
        fused = fuse_rankings(rankings, self._settings.rrf_k, self._weights(sure if question else None))
        language = guess_language(main) if main or not same else snapshot.chunks[next(iter(same))].language
        meant = snapshot.products.named_in(main)
        fit = partial(_fit, snapshot, is_east_asian(language), meant)
        ordered, relevance = self._ordered(snapshot, question, fused, fit)
        first = fold(ordered, partial(_say_the_same, snapshot), top_k or self._settings.top_k)
        chunks = tuple(
            replace(
                seen.chunk(snapshot, kept, {**alike, **same}.get(kept.place), relevance.get(kept.place)),
                section=self._section(snapshot, kept.place),
            )
            for kept in first
        )
        faq = _faq_matches(
            snapshot, np.where(admitted.phrasings, seen.phrasings, _LEFT_OUT), asked, meant, language
        )
        return RetrievalResult(query, chunks, faq, matches[:_MAX_IMAGE_MATCHES])

    def _weights(self, sure: float | None) -> dict[str, float]:
        """Of the rankings that do not count 1.

        Args:
            sure: Similarity of the passage that is nearest to the question, in [0, 1]; None without a question. The
                less a question says by itself (`What is this?`), the more the screen beside it does.
        """
        words, dense = self._settings.bm25_weight, self._settings.screen_dense_weight
        weights = dict.fromkeys(("bm25", "screen_bm25", "word_pairs"), words)
        weights["image"] = self._settings.image_weight
        if sure is not None:
            return weights | {"word_pairs": words * max(0.0, 1 - sure)}
        like = self._settings.image_like_weight  # images keep theirs against all that is written there
        return weights | {"dense": dense, "codes": dense, "image_like": like}

    def _ordered(
        self,
        snapshot: Snapshot,
        question: str,
        fused: Sequence[tuple[str, float]],
        fit: Callable[[int], float],
    ) -> tuple[list[tuple[int, float]], dict[int, float]]:
        """Places with fused scores, best first, and what a reranker said of the first of them.

        A screen without a question is not the reranker's matter.
        """
        fitting = _best_first((int(i), score * fit(int(i))) for i, score in fused)
        if self._reranker is None or not question:
            return fitting, {}
        head = fitting[: self._settings.reranker_candidates]
        said = self._reranker.score(question, [snapshot.chunks[i].embedding_text for i, _ in head])
        relevance = {i: float(value) for (i, _), value in zip(head, said, strict=True)}
        head.sort(key=lambda pair: -relevance[pair[0]] * fit(pair[0]))
        return head + fitting[len(head) :], relevance

    def _section(self, snapshot: Snapshot, i: int) -> Section | None:
        document = snapshot.document(snapshot.chunks[i].document_id)
        if document is None:
            return None
        return section_around(
            snapshot.chunks, i, document.text, self._embedder.count_tokens, self._settings.section_tokens
        )

    def _image_matches(
        self, snapshot: Snapshot, images: Sequence[ImageReading], admitted: Admitted
    ) -> tuple[ImageMatch, ...]:
        """Of several screenshots together; an image that two of them resemble counts once."""
        found = [match for one in images for match in snapshot.pictures.search(one)]
        surest: dict[tuple[str, str], ImageMatch] = {}
        for match in sorted(found, key=lambda match: -match.score):
            if admitted.has_document(match.document_id):
                surest.setdefault((match.chunk_id, match.sha256), match)
        return tuple(surest.values())

    def _rankings(
        self,
        snapshot: Snapshot,
        seen: "_Sight",
        beside: "_Sight | None",
        named: Sequence[str],
        admitted: Mask,
    ) -> dict[str, list[str]]:
        nearest = np.maximum(seen.ranking, _by_phrasing(snapshot, seen.phrasings))
        scores = {
            "bm25": seen.bm25,
            "dense": nearest,
        }  # of two equal ones, the one with the words comes first
        scores["codes"] = snapshot.lexical.code_scores(named)
        if beside:
            scores |= {"screen_dense": beside.ranking, "screen_bm25": beside.bm25}
        return {name: self._ranked(np.where(admitted, values, 0)) for name, values in scores.items()}

    def _by_word_pairs(
        self, snapshot: Snapshot, screen: str, rankings: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """Of what the other rankings found: an index of all pairs would be larger than that of words."""
        found = list(dict.fromkeys(place for ranking in rankings.values() for place in ranking))
        scores = pair_scores(screen, [snapshot.chunks[int(place)].embedding_text for place in found])
        return [found[i] for i in best(scores, self._settings.candidates)]

    def _look(self, snapshot: Snapshot, text: str) -> "_Sight":
        bm25 = snapshot.lexical.scores(text)
        if not text:  # a screenshot without words
            return _Sight(bm25, bm25, bm25, np.zeros(len(snapshot.phrasings), np.float32))
        if self._embedder.unknown_share(text) > MAX_UNKNOWN_SHARE:
            coverage = snapshot.characters.coverage(text)
            return _Sight(coverage, coverage, bm25, snapshot.phrasing_characters.cosine(text), is_read=False)
        vectors = self._embedder.encode(_pieces(self._embedder, text), "query")
        phrasings = snapshot.phrasing_vectors @ vectors.mean(axis=0)
        if len(vectors) == 1:
            dense = snapshot.chunk_vectors @ vectors[0]
            return _Sight(dense, dense, bm25, phrasings)
        pieces = snapshot.chunk_vectors @ vectors.T
        return _Sight(pieces.mean(axis=1), pieces.max(axis=1), bm25, phrasings)

    def _ranked(self, scores: Scores) -> list[str]:
        return [str(i) for i in best(scores, self._settings.candidates)]


@dataclass(frozen=True, slots=True)
class _Sight:
    """How one text sees every passage and phrasing, `[n]` each.

    Attributes:
        ranking: Mean similarity of the pieces of a long text: what fits all of it comes first.
        dense: Similarity of the best piece.
        is_read: False when the embedder does not know the script and characters were compared instead.
    """

    ranking: Scores
    dense: Scores
    bm25: Scores
    phrasings: Scores
    is_read: bool = True

    def chunk(
        self, snapshot: Snapshot, kept: Kept, image: float | None, relevance: float | None
    ) -> RetrievedChunk:
        i = kept.place
        scores = {"dense": float(self.dense[i]), "bm25": float(self.bm25[i])}
        if image is not None:
            scores["image"] = image
        if relevance is not None:
            scores["reranker"] = relevance
        if not self.is_read:
            scores["coverage"] = scores["dense"]
        folded = tuple(snapshot.chunks[j].id for j in kept.folded)
        return RetrievedChunk(snapshot.chunks[i], kept.score, scores, folded)


def _with_images(
    snapshot: Snapshot, matches: Sequence[ImageMatch]
) -> tuple[dict[int, float], dict[int, float]]:
    """Passages with an image of surely the same screen, and others with one that is like it, with their scores.

    Args:
        matches: Those worth showing, best first.
    """
    near = [match for match in matches if match.chunk_id]
    places = snapshot.places({match.document_id for match in near})
    sure = max(MIN_SAME, near[0].score - SIBLING_GAP) if near else MIN_SAME
    same: dict[int, float] = {}
    alike: dict[int, float] = {}
    for match in near:
        (same if match.score >= sure else alike).setdefault(places[match.chunk_id], match.score)
    return same, {i: score for i, score in alike.items() if i not in same}


def _by_phrasing(snapshot: Snapshot, similarities: Scores) -> Scores:
    """For passages that are FAQ answers, the similarity of their entry's nearest phrasing; else -1."""
    places, entries, of_phrasings = snapshot.answers
    nearest = np.full(len(snapshot.faq), -1.0, np.float32)
    np.maximum.at(nearest, of_phrasings, similarities)
    found = np.full(len(snapshot.chunks), -1.0, np.float32)
    found[places] = nearest[entries]
    return found


def _fit(snapshot: Snapshot, asian: bool, meant: AbstractSet[str], i: int) -> float:
    """Half for a passage in a script the asker may not read, or about another product; else 1."""
    foreign = is_east_asian(snapshot.chunks[i].language) != asian
    return 0.5 if foreign or _is_of_another(snapshot.chunk_products[i], meant) else 1.0


def _best_first(scored: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    return sorted(scored, key=lambda pair: -pair[1])


def _say_the_same(snapshot: Snapshot, one: int, other: int) -> bool:
    """Whether two passages are near-duplicates that hold for the same products."""
    scopes = snapshot.scopes
    products = [scopes.distinct[scopes.of_chunks[i]].products for i in (one, other)]
    return (
        products[0] == products[1]
        and float(snapshot.chunk_vectors[one] @ snapshot.chunk_vectors[other]) >= MIN_COSINE
        and say_the_same(snapshot.chunks[one], snapshot.chunks[other])
    )


def _is_of_another(named: AbstractSet[str], meant: AbstractSet[str]) -> bool:
    """Whether a text names products, but none of those that were asked about."""
    return bool(meant and named and named.isdisjoint(meant))


def _faq_matches(
    snapshot: Snapshot,
    similarities: Scores,
    asked: AbstractSet[str],
    meant: AbstractSet[str],
    language: str,
) -> tuple[FaqMatch, ...]:
    """The nearest entries: first those about a code that was asked for, then those in the question's script.

    An entry about other codes than the one asked for is left out, for to an embedder
    `What does WR-104 mean?` is nearly `What does WR-107 mean?`.
    """
    matches: dict[str, tuple[tuple[bool, bool, bool], FaqMatch]] = {}
    asian = is_east_asian(language)
    for i in np.argsort(-similarities, kind="stable"):
        if similarities[i] == _LEFT_OUT:
            break
        entry_id, phrasing = snapshot.phrasings[i]
        named = snapshot.faq_codes.get(entry_id, frozenset())
        if entry_id not in matches and not (asked and named and named.isdisjoint(asked)):
            match = FaqMatch(snapshot.faq[entry_id], phrasing, float(similarities[i]))
            foreign = is_east_asian(match.entry.language) != asian
            other = _is_of_another(snapshot.faq_products.get(entry_id, frozenset()), meant)
            matches[entry_id] = ((named.isdisjoint(asked), foreign, other), match)
    ordered = sorted(matches.values(), key=lambda pair: pair[0])
    return tuple(match for _, match in ordered[:_MAX_FAQ_MATCHES])
