"""Words that sound angry or pleased, and what stands before them. Knows no model.

English and Chinese. Each word has a weight; "not", "never" and the like turn what follows them round, "very" makes it
stronger, and being fed up (`wishes.frustration`) counts as negative.
"""

import re

from chatbot.wishes import frustration

_STRONG, _PLAIN, _WEAK = 2.0, 1.0, 0.5
_WORDS: dict[float, str] = {
    _STRONG: "amazing awesome brilliant excellent fantastic fabulous flawless incredible love loved loves "
    "outstanding perfect perfectly superb terrific wonderful best thrilled delighted kudos",
    _PLAIN: "thanks thank thx thankyou ty appreciate appreciated appreciates grateful good great nice nicely glad "
    "happy helpful pleased pleasant enjoy enjoyed enjoying impressed impressive friendly kind cool "
    "recommend solved resolved yay cheers congrats congratulations beautiful smooth smoothly sweet "
    "excited comfortable polite pleasure lovely win winning",
    _WEAK: "fine better works worked well easy fast quick quickly welcome fun safe clean favorite favourite wow",
    -_STRONG: "awful atrocious appalling despicable disaster disgraceful disgusting disgusted dreadful horrendous "
    "horrible horrid hate hated hates incompetent inexcusable nightmare outrageous pathetic ridiculous "
    "scam shameful terrible unacceptable useless worst worthless furious livid fail fails failed fraud "
    "liars liar crap shit sucks sucked suck garbage rude joke",
    -_PLAIN: "angry annoyed annoying bad badly broken broke cancelled canceled cancellation complaint complain "
    "complaints damaged defective delay delayed delays denied disappoint disappointed disappointing "
    "disappointment dirty error errors fault faulty frustrated frustrating frustration ignored ignore "
    "ignoring issue issues lost lose losing lied mess miss missed missing mistake overcharged poor poorly "
    "problem problems refuse refused refusing sad slow sorry stranded stuck stupid trouble troubles "
    "unable unhappy unhelpful unprofessional unreliable upset waste wasted wasting worse wrong stolen "
    "hung disconnected misled unfair charged sick tired bored boring broken lousy insane cold shame shady "
    "sloppy clueless excuse excuses apology apologize",
    -_WEAK: "waiting wait waited hours still unfortunately unsure confusing confused difficult hard crash crashed "
    "crashes late cancel expensive hold forever again lack down dead sitting nothing closed forced "
    "without",
}
_WEIGHTS = {word: weight for weight, words in _WORDS.items() for word in words.split()}
_TURNED = frozenset(
    "not no never none nobody cannot cant can't dont don't doesnt doesn't didnt didn't isnt isn't wasnt "
    "wasn't wont won't wouldnt wouldn't couldnt couldn't shouldnt shouldn't hardly barely neither nor "
    "without arent aren't havent haven't hasnt hasn't aint ain't".split()
)
_STRONGER = frozenset(
    "very really so extremely absolutely totally completely incredibly super truly too".split()
)
_TURNED_WORDS = 3
_TURN, _STRENGTHEN = -0.7, 1.5
_SIGNS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"(?:[:;=]-?[)D\]]|<3|[😀-😆😊😍😘🙏👍🎉❤🥰👏💕🙌💖])"), _PLAIN),
    (re.compile(r"(?:(?<!\w)[:;=]['’]?-?[(\[/](?!/)|[😒😞😠-😤😢😭😩👎💔🤬😖🙄])"), -_PLAIN),
    (re.compile(r"谢谢|感谢|很好|太好了|满意|不错|喜欢|棒|赞"), _PLAIN),
    (
        re.compile(r"不满意|太差|糟糕|失望|生气|垃圾|骗|不行|没用|问题|故障|坏了|慢死|投诉|气死|烦死|不好"),
        -1.5,
    ),
)
_FED_UP = -1.5
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def words_score(said: str) -> float:
    """How one message sounds by its words: below 0 those against outweigh, above 0 those in favour; 0 without any."""
    score = _words_score(said)
    score += sum(weight * min(len(sign.findall(said)), 2) for sign, weight in _SIGNS)
    return score + _FED_UP * min(frustration(said)[0], 1.0)


def _words_score(said: str) -> float:
    score, turned, stronger = 0.0, 0, False
    for word in _WORD.findall(said.lower().replace("’", "'")):
        weight = _WEIGHTS.get(word, 0.0)
        if weight and turned:
            weight *= _TURN
        score += weight * (_STRENGTHEN if stronger else 1.0)
        turned = _TURNED_WORDS if word in _TURNED else max(turned - 1, 0)
        stronger = word in _STRONGER
    return score
