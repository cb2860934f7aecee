"""The language of a text, told from its script and, in Latin script, from its commonest words.

Meant for comparing and for slices, where "cannot tell" is a good answer: an empty string, for texts that are short,
mixed, or in a language without a list here. Eleven lists of function words tell the languages apart that most
traffic is in; a model of n-grams would tell more, at the price of a table to ship.
"""

from collections import Counter
from functools import lru_cache
from re import compile as _compile
from typing import Final

LOOK: Final = 800
"""Characters of the text that are looked at."""
LEAST_LETTERS: Final = 4
LEAST_WORDS: Final = 2
"""Function words that must be there: one may be a name or a loan."""

_SCRIPTS: Final = (
    ("ja", _compile(r"[\u3040-\u30ff]")),
    ("ko", _compile(r"[\uac00-\ud7af]")),
    ("zh", _compile(r"[\u4e00-\u9fff]")),
    ("ar", _compile(r"[\u0600-\u06ff]")),
    ("hi", _compile(r"[\u0900-\u097f]")),
    ("ru", _compile(r"[\u0400-\u04ff]")),
    ("el", _compile(r"[\u0370-\u03ff]")),
    ("he", _compile(r"[\u0590-\u05ff]")),
    ("th", _compile(r"[\u0e00-\u0e7f]")),
)
"""Scripts that (nearly) belong to one language. Japanese first: it has Chinese characters as well."""
_SCRIPT_SHARE: Final = 0.3
"""Of the letters; names and code in Latin letters stand in every text."""
_KANA_SHARE: Final = 0.1

_COMMON: Final = {
    "en": (
        "a an the i you he she it we they me him her us them my your his its our their this that these those of in "
        "on at by for with from to into about as and or but if because while than am is are was were be been being "
        "have has had do does did will would can could shall should may might must not no what which who whom "
        "whose when where why how"
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer ich du er sie es wir ihr mich dich ihn uns euch ihm "
        "ihnen mein dein sein unser dieser diese dieses in im an am auf aus bei mit nach von vom zu zum zur für "
        "durch über unter und oder aber denn weil wenn dass als ob bin bist ist sind war waren habe hat haben wird "
        "werden kann können muss soll nicht kein keine was welche wer wann wo warum wie"
    ),
    "fr": (
        "le la les un une des du au aux je tu il elle on nous vous ils elles me te se lui leur mon ton son ma ta "
        "sa mes tes ses notre votre ce cet cette ces de dans en sur sous par pour avec sans chez et ou mais donc "
        "car si que qui est sont était être a ont avoir fait peut doit ne pas plus quel quelle quand où pourquoi "
        "comment"
    ),
    "es": (
        "el la los las un una unos unas yo tú él ella nosotros vosotros ellos ellas me te se nos le les mi tu su "
        "mis tus sus este esta estos estas ese esa de del a al en con por para sin sobre entre y o pero porque si "
        "que como es son era ser está están ha han haber hay puede debe no más qué cuál quién cuándo dónde cómo"
    ),
    "pt": (
        "o a os as um uma uns umas eu tu ele ela você nós eles elas vocês me te se nos lhe meu minha seu sua este "
        "esta esse essa isso de do da dos das em no na nos nas por pelo pela para com sem sobre entre e ou mas "
        "porque se que como é são era ser está estão tem ter há pode deve não mais qual quem quando onde"
    ),
    "it": (
        "il lo la i gli le un uno una io tu lui lei noi voi loro mi ti si ci vi mio tuo suo questo questa questi "
        "queste di del della dei delle a al alla da dal dalla in nel nella con su per tra fra e o ma perché se che "
        "come è sono era essere ha hanno avere può deve non più quale chi quando dove"
    ),
    "nl": (
        "de het een ik jij je u hij zij ze wij we jullie mij hem haar ons hun mijn jouw zijn onze dit dat deze die "
        "van in op aan bij met naar uit voor door over onder en of maar want omdat als is was waren ben bent heb "
        "heeft hebben wordt worden kan kunnen moet zal niet geen wat welke wie wanneer waar waarom hoe"
    ),
    "pl": (
        "ja ty on ona ono my wy oni one mnie mi cię go mu ją nam nas was się mój twój jego jej ten ta to te tego "
        "tej w we na z ze do od o po przy przez dla za pod i oraz lub ale bo że jeśli gdy jest są był była było "
        "być ma mają może nie co który która kto kiedy gdzie dlaczego jak czy"
    ),
    "tr": (
        "bir ben sen o biz siz onlar beni bana sana onu ona bu şu benim senin onun için ile gibi kadar göre sonra "
        "önce ve veya ya ama fakat çünkü eğer ki de da mi mı mu mü değil yok var dır dir idi olan olarak daha çok "
        "ne hangi kim zaman nerede neden nasıl"
    ),
    "sv": (
        "en ett jag du han hon den det vi ni de mig dig honom henne oss er dem min din hans hennes denna detta "
        "dessa i på av till från med för om vid under över och eller men utan eftersom att som är var vara har "
        "hade kan skulle ska måste inte ingen vad vilken vem när varför hur"
    ),
    "id": (
        "saya aku kamu anda dia ia kami kita mereka ini itu di ke dari pada dalam untuk dengan oleh tentang dan "
        "atau tetapi tapi karena jika bahwa yang adalah ada akan sudah telah bisa dapat harus tidak bukan apa "
        "siapa kapan mana mengapa bagaimana"
    ),
}
"""Closed classes of each grammar, written down from the grammar and not from any text that is scored: articles,
pronouns, prepositions, conjunctions, the forms of be, have and can, negations, question words."""
_LANGUAGES_OF: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(code for code, words in _COMMON.items() if word in words.split())
    for every in _COMMON.values()
    for word in every.split()
}
_WHOLE: Final = 27_720
"""One word's vote, which the languages that have the word share: every number up to eleven divides it."""
_WORD: Final = _compile(r"[^\W\d_]+")


@lru_cache(maxsize=8)
def language_of(text: str) -> str:
    """The ISO 639-1 code of the text's language; empty where it cannot be told.

    The last are remembered: a prompt is asked about for each of its answers.
    """
    text = text[:LOOK]
    if not text.isascii():
        letters = sum(map(str.isalpha, text))
        for code, script in _SCRIPTS:
            share = len(script.findall(text)) / letters if letters >= LEAST_LETTERS else 0.0
            if share >= (_KANA_SHARE if code == "ja" else _SCRIPT_SHARE):
                return code
    return _latin(_WORD.findall(text.lower()))


def _latin(words: list[str]) -> str:
    """The language with the most function words, where it is ahead of the second."""
    votes: dict[str, int] = {}
    for codes, count in Counter(map(_LANGUAGES_OF.get, words)).items():
        for code in codes or ():
            votes[code] = votes.get(code, 0) + count * _WHOLE // len(codes or ())
    ranked = sorted(((count, code) for code, count in votes.items()), reverse=True)
    if not ranked or ranked[0][0] < min(LEAST_WORDS, len(words)) * _WHOLE:
        return ""
    second = ranked[1][0] if len(ranked) > 1 else 0
    return ranked[0][1] if 2 * ranked[0][0] >= 3 * second else ""
