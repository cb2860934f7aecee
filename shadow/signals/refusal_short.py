"""Declining in few words, in nine languages: loose wordings, for answers that say hardly anything else.

"Das mache ich nicht." declines as a whole answer, and nothing of the kind as one sentence of a long one. So these are
tried only where a text is short: a first person that does not, will not or may not do an act of answering, a rule that
would be broken, a wish not to speak of it. Facts without a first person ("Man kann durch null nicht teilen") and
turns of speech ("no puedo dejar de insistir") are none.

Not here: the stricter wordings for texts of any length, and how languages are told apart (`refusal_tongues`).
"""

from re import IGNORECASE
from re import compile as _compile
from typing import Final

_SHORT: Final = {"zh": 160, "ja": 200, "ko": 200}
"""Characters of a whole answer that has room for declining and an offer; such scripts say as much in half."""
_SHORT_ELSEWHERE: Final = 400

_WORDINGS: Final = {
    "de": (
        r"\b(?:(?:ich|wir) (?:{v})\b|\b(?:{v}) (?:\w+ ){{0,2}}?(?:ich|wir)\b)[^.!?:;\n]{{0,80}}?"
        r"\b(?:nicht(?! (?:genug|umhin|nur|zuletzt))|nichts|kein\w*|weder)\b|"
        r"\bmir (?:ist|wäre|wurde) (?:\w+ ){{0,2}}?(?:nicht|untersagt)\b|"
        r"\bes ist mir (?:\w+ ){{0,1}}?(?:nicht|untersagt)\b|"
        r"\b(?:wäre|ist|halte \w+ für) (?:\w+ )?(?:nicht (?:richtig|angebracht|angemessen|vertretbar)|unethisch|"
        r"unangemessen)"
        r"[^.!?\n]{{0,20}}\b(?:ich|mich|mir)\b|"
        r"\bich\b[^.!?:;\n]{{0,60}}?\b(?:nicht|kein\w*)\b[^.!?:;\n]{{0,40}}?\b(?:kann|darf|werde|möchte)\b|"
        r"\b(?:ablehnen|lieber nicht|dazu nicht äußern)\b|"
        r"\b(?:verletzt|verstößt gegen|widerspricht)\b[^.!?\n]{{0,30}}(?:richtlinien|regeln|grundsätze\w*|"
        r"bedingungen|recht)"
    ).format(
        v="kann|könnte|darf|dürfte|werde|möchte|will|würde|gebe|mache|helfe|unterstütze|erstelle|schreibe|verfasse|"
        "beantworte|leiste|liefere|erkläre|zeige|nenne|verrate|äußere|teile|beteilige|(?:bin|"
        "sind) (?:leider )?(?=nicht "
        "(?:befugt|berechtigt|in der|der richtige|dafür|dazu|bereit))"
    ),
    "fr": (
        r"\bje (?:ne (?:vous |te |le |la |les |lui )?|n')(?:peux|puis|puisse|pourrai|pourrais|vais|veux|souhaite|"
        r"dois|"
        r"donne|fais|fournis|génère|rédige|partage|soutiens|(?:saurais|saurai)(?! trop)|\w+rai)\b|"
        r"\bje ne suis pas (?:\w+ )?(?:en mesure|autorisée?|capable|habilitée?|programmée?|censée?|à l'aise)|"
        r"\bje m'abst\w+|\bje (?:préfère|préférerais) (?:ne pas|m'abstenir|éviter)|\bje (?:dois )?(?:décline|"
        r"refuse)\w*|"
        r"\bil m'est (?:\w+ )?(?:impossible|interdit)|\bil ne (?:me semble|serait) pas|\b(?:hors|"
        r"pas) (?:de )?question que je|"
        r"n'est pas (?:quelque chose que je|mon rôle)|\bmon rôle n'est pas|"
        r"\b(?:enfreint|viole|contraire à|à l'encontre de) (?:mes|nos|ma|notre|les) (?:règles|principes|conditions|"
        r"politique)"
    ),
    "es": (
        r"\bno (?:(?:te|le|lo|la|me|os|los|las) )?(?:puedo(?! (?:dejar|evitar|negar|estar más))|podemos|podré|"
        r"podría|voy a|"
        r"vamos a|quiero|deseo|debo|debería|hago|doy|escribo|genero|comparto|apoyo|ayudo|soy capaz|"
        r"estoy (?:autorizad|"
        r"capacitad|en condiciones)|siento c[oó]mod|\w+ré\b)|\bpref(?:iero|eriría) no\b|"
        r"\bno ser(?:ía|á) (?:\w+ )?(?:ético|apropiado|correcto|responsable|adecuado)|\bno cuentes conmigo|"
        r"\b(?:no me es|me es im)\s?posible|\bme niego\b|\b(?:rechazar|declinar) (?:tu|su|esta|la)\b|"
        r"\bsiento no poder\b|"
        r"\b(?:infringe|viola|incumple|contra) (?:de )?(?:mis|nuestr\w+|las) (?:normas|políticas|principios|reglas|"
        r"directrices)"
    ),
    "pt": (
        r"\bnão (?:(?:te|lhe|o|a|me|os|as) )?(?:posso(?! (?:deixar|negar))|podemos|poderei|poderia|vou|vamos|quero|"
        r"devo|"
        r"deveria|consigo|faço|dou|escrevo|gero|compartilho|partilho|apoio|ajudo|tenho como|sou capaz|"
        r"estou (?:autorizad|apt)|sinto (?:à vontade|confort)|\w+rei\b)|\bprefi(?:ro|riria) não\b|"
        r"\bnão seri?a? (?:\w+ )?(?:ético|apropriado|correto|responsável|adequado)|\bnão contem? comigo|"
        r"\brecuso(?:-me)?\b|\brecusar (?:o|a|seu|sua|esse|essa|este|esta)\b|\bnão me é (?:possível|permitido)|"
        r"\b(?:viola|infringe|contraria|fere|contra) (?:as )?(?:minhas|nossas|as) (?:políticas|diretrizes|normas|"
        r"regras)"
    ),
    "zh": (
        r"我[^。！？\n，]{0,12}?(?:不能|无法|無法|不会|不會|不便|不方便|不可以|不想|不愿|不願|不适合|不適合|帮不了|幫不了|"
        r"拒绝|拒絕|不支持|不提供|不参与)|(?:恕|请原谅|請原諒|不好意思)[^。！？\n]{0,12}?(?:不能|无法|無法|不便|不会)|"
        r"[无無]可奉告|(?:违反|違反|违背)[^。！？\n]{0,12}?(?:政策|规定|規定|准则|準則|法律)"
    ),
    "ja": (
        r"(?:教え|伝え|回答|答え|共有|公開|提供|説明|紹介|手伝い|手助け|支援|協力|支持|掲載|作成|生成|執筆|書く|診断|判断|"
        r"閲覧|確認|調べ|案内|開示|話し|応え|対応|加担)[^。！？\n]{0,10}?(?:できません|できかねます|出来ません|しかねます|"
        r"いたしません|しません)|力になれません|(?:沿え|応え|応じられ|従え)ません|お断り|差し控え|控えさせて|遠慮させて|"
        r"拒否し(?:ます|たい)|辞退|したくありません|話したくない|(?:書き|いたし)ません|(?:規約|ポリシー|方針|法律|倫理)"
        r"[^。！？\n]{0,6}?(?:違反|反)|立場にありません|それは無理|お応えしかね"
    ),
    "ko": (
        r"(?:도와|도움|돕|알려|답변|말씀|공개|공유|제공|작성|생성|써 |쓰|설명|확인|진단|지지|언급|진행|들어|가담|보여|"
        r"추천|판단|의견)[^.!?。\n]{0,14}?(?:수 없|수는 없|수가 없|지 않|기 어렵|곤란|삼가|거절|못 ?해|못합니다|불가|"
        r"적절하지)|(?:그건|그것은|이건) (?:못|안) |거절하겠|싶지 않(?:아|습)|제가 할 수 있는 일이 아|"
        r"(?:정책|규정|지침|법)[^.!?。\n]{0,6}?(?:어긋|위반|위배)"
    ),
    "ar": (
        r"(?<!\S)(?:لا|لن) أ(?!شك|ظن|عتقد|نكر|خفي)\S+|لا يمكن أن أ|لا (?:يحق|يجوز|يسمح) لي|لا (?:يسعني|يمكنني)|"
        r"ليس بوسعي|"
        r"ليس من (?:المناسب|اللائق|الأخلاقي)|أفضل (?:عدم|ألا)|(?<!\S)أرفض|أن أرفض|خارج (?:عن )?نطاق|(?:غير|"
        r"لست) (?:قادر|مخول|مصرح)|"
        r"(?:يخالف|ينتهك|تخالف|يتعارض مع)[^.!؟\n]{0,12}?(?:سياس|شروط|قواعد|القانون)"
    ),
    "hi": (
        r"(?:मैं|मुझे|हम)[^।!?\n]{0,70}?(?:नहीं (?:कर|दे|लिख|बता|बना|कह|बढ़|चाह|सक|हो सक|रख)|असमर्थ|इनकार कर|मना कर)|"
        r"(?:संभव|उचित|मुमकिन) नहीं है।|(?:मेरी|मेरे) (?:क्षमता|दायरे|सीमा)[^।!?\n]{0,6}? बाहर|"
        r"नहीं (?:कर|बता|दे|लिख)[^।!?\n]{0,2} ?(?:सकता|सकती)(?=[^।!?\n]{0,4}।)|(?:नीति|नियम)[^।!?\n]{0,12}?उल्लंघन|"
        r"(?:सामग्री|काम|ऐसा)[^।!?\n]{0,6}? मैं[^।!?\n]{0,12}? नहीं"
    ),
}
_DECLINES: Final = {code: _compile(wording, IGNORECASE) for code, wording in _WORDINGS.items()}


def declines_shortly(code: str, opening: str, length: int) -> bool:
    """Whether an answer of `length` characters, in the language of this code, declines and hardly says more."""
    return length <= _SHORT.get(code, _SHORT_ELSEWHERE) and _DECLINES[code].search(opening) is not None
