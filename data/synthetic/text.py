"""Words of the synthetic world, which become prompts and answers.

A sentence is an opener, a subject and a predicate, each from a flat table in which the languages
lie one after another, so that whole columns of sentences are drawn as integers and joined in one
pass. `LANGUAGES[0]` is English; what is not said otherwise is English only.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import NamedTuple


class Language(NamedTuple):
    """Words of one language: a prompt is an `ask` around a subject, with `{n}` for a number."""

    code: str
    space: str
    asks: tuple[tuple[str, str], ...]
    openers: tuple[str, ...]
    predicates: tuple[str, ...]
    titles: tuple[str, ...]
    refusal: str
    subjects: tuple[str, ...]


def _split(words: str) -> tuple[str, ...]:
    """Split a table cell at its bars; the spaces around a bar are layout."""
    return tuple(word.strip() for word in words.split("|"))


def _spaced(words: str) -> tuple[str, ...]:
    return tuple(f"{word} " for word in _split(words))


def _predicates(words: str) -> tuple[str, ...]:
    return tuple(f" {word}." for word in _split(words))


TOPICS = _split("cooking|travel|health|history|physics|finance|garden|software|music|law")

# One line per topic, in the order of TOPICS, the same number of subjects in each. No subject is
# part of another, so that counting mentions in a text is unambiguous.
_ENGLISH_SUBJECTS = """
the sourdough starter|the tomato sauce|the cast iron pan|the pizza dough|the vegetable broth|the spice rack|the bread oven|the salad dressing|the rice cooker|the chocolate glaze
the night train|the mountain pass|the travel visa|the harbour ferry|the hiking trail|the hotel booking|the rental car|the city museum|the airport transfer|the island tour
the sleep routine|the blood pressure|the morning run|the vitamin intake|the knee injury|the flu vaccine|the heart rate|the back pain|the daily stress|the sugar level
the Roman road|the printing press|the silk trade|the peace treaty|the royal archive|the steam engine|the trade guild|the medieval town|the naval battle|the colonial port
the light wave|the magnetic field|the quantum state|the heat engine|the black hole|the orbit period|the electric charge|the sound barrier|the nuclear reaction|the friction force
the index fund|the savings account|the interest rate|the monthly budget|the mortgage plan|the stock market|the tax return|the credit score|the pension scheme|the exchange fee
the compost heap|the rose bush|the herb bed|the greenhouse door|the apple tree|the lawn mower|the soil sample|the rain barrel|the tulip bulb|the garden pond
the login form|the database index|the web server|the unit test|the sorting routine|the message queue|the config file|the memory leak|the search engine|the build script
the violin part|the drum pattern|the chord progression|the opera house|the vinyl record|the jazz solo|the choir rehearsal|the guitar string|the film score|the piano lesson
the rental contract|the patent claim|the court hearing|the privacy notice|the employment clause|the copyright term|the building permit|the appeal deadline|the witness statement|the custody case
"""  # noqa: E501

ENGLISH = Language(
    code="en",
    space=" ",
    asks=(),
    openers=_spaced(
        "In practice,|Most of the time,|At first,|For beginners,|In the long run,|As a rule,"
        "|On a closer look,|According to many guides,|In simple terms,|Even so,|For that reason,"
        "|With some care,|To be precise,|After a while,|From experience,|In the end,|In this case,"
        "|Step by step,|Behind the scenes,|Compared with the past,|To begin with,|As a result,"
    ),
    predicates=_predicates(
        "needs steady attention|depends on the conditions around it|works best with a clear plan"
        "|can be improved in small steps|is often misunderstood|deserves a second look"
        "|has changed a great deal over the years|should be checked at regular intervals"
        "|costs less than most people expect|follows a handful of simple rules"
        "|rewards patience and a little curiosity|sets the pace for everything that comes after"
        "|is easier to judge with a written record|can fail when it is rushed"
        "|benefits from advice by someone with experience|matters more than it seems"
        "|shows why preparation pays off|brings risks that are easy to avoid"
        "|differs a lot from place to place|is a good example of cause and effect"
        "|takes about three weeks to settle|has both clear benefits and hidden limits"
        "|explains most of the difference|connects the earlier points with each other"
        "|remains the part that people ask about most|should never be left to chance"
    ),
    titles=_split("Overview|Key points|Details|What to watch|Next steps|Background|Summary|Tips"),
    refusal="I'm sorry, but I can't help with that. As an AI language model, I have limits. ",
    subjects=_split("|".join(_ENGLISH_SUBJECTS.split("\n")[1:-1])),
)

# Two subjects per topic, in the order of TOPICS.
SPANISH = Language(
    code="es",
    space=" ",
    asks=(("Explícame ", ". Tengo {n} días."), ("Necesito ayuda con ", ". Dame {n} consejos.")),
    openers=_spaced("En la práctica,|Por lo general,|Al principio,|Sin embargo,|A largo plazo,"),
    predicates=_predicates(
        "necesita atención constante|depende de las condiciones|mejora poco a poco"
        "|ha cambiado mucho con los años|sigue unas reglas sencillas|puede fallar con las prisas"
    ),
    titles=_split("Resumen|Detalles"),
    refusal="Lo siento, pero no puedo ayudar con eso. Soy un modelo de lenguaje. ",
    subjects=_split(
        "la masa de pan|la salsa verde|el tren nocturno|el visado|la rutina de sueño|la vacuna"
        "|la ruta romana|el tratado de paz|el campo magnético|la onda de luz|el fondo indexado"
        "|la hipoteca|el rosal|el huerto|la base de datos|el servidor|la guitarra|el coro"
        "|el contrato|la patente"
    ),
)
GERMAN = Language(
    code="de",
    space=" ",
    asks=(("Erkläre mir bitte ", ". Ich habe {n} Tage."), ("Hilf mir: ", ", in {n} Sätzen.")),
    openers=_spaced("Genau genommen:|In der Praxis gilt:|Zu Beginn:|Auf lange Sicht:|Dennoch:"),
    predicates=_predicates(
        "braucht ständige Pflege|hängt von den Umständen ab|wird Schritt für Schritt besser"
        "|folgt einfachen Regeln|hat sich über die Jahre verändert|lohnt einen zweiten Blick"
    ),
    titles=_split("Überblick|Einzelheiten"),
    refusal="Es tut mir leid, dabei kann ich nicht helfen. Ich bin ein Sprachmodell. ",
    subjects=_split(
        "der Sauerteig|die Gemüsebrühe|der Nachtzug|die Fähre|der Schlaf|der Blutdruck"
        "|die Römerstraße|der Buchdruck|das Magnetfeld|die Wärmekraft|der Zinssatz|das Sparbuch"
        "|der Komposthaufen|der Apfelbaum|die Datenbank|der Webserver|die Geige|der Chor"
        "|der Mietvertrag|die Baugenehmigung"
    ),
)
FRENCH = Language(
    code="fr",
    space=" ",
    asks=(("Explique-moi ", ". J'ai {n} jours."), ("Parle-moi de ceci : ", ", en {n} phrases.")),
    openers=_spaced("En pratique,|En général,|Au début,|À long terme,|Malgré tout,"),
    predicates=_predicates(
        "demande une attention régulière|dépend des conditions|s'améliore pas à pas"
        "|suit quelques règles simples|a beaucoup changé avec le temps|mérite un second regard"
    ),
    titles=_split("Aperçu|Détails"),
    refusal="Je suis désolé, mais je ne peux pas vous aider. Je suis un modèle de langage. ",
    subjects=_split(
        "la pâte à pizza|le bouillon|le train de nuit|le musée|le sommeil|le vaccin"
        "|la voie romaine|le traité de paix|le champ magnétique|le trou noir|le budget"
        "|l'épargne|le rosier|le potager|la base de données|le serveur|le violon|la chorale"
        "|le bail|le brevet"
    ),
)
RUSSIAN = Language(
    code="ru",
    space=" ",
    asks=(("Объясни, что такое ", ". У меня {n} дней."), ("Расскажи про тему: ", ", {n} фраз.")),
    openers=_spaced("На практике|Как правило,|Сначала|Со временем|Тем не менее"),
    predicates=_predicates(
        "требует внимания|зависит от условий|меняется шаг за шагом"
        "|подчиняется простым правилам|даёт хороший результат|стоит отдельного разговора"
    ),
    titles=_split("Обзор|Подробности"),
    refusal="Извините, я не могу с этим помочь. Я языковая модель. ",
    subjects=_split(
        "тесто|томатный соус|ночной поезд|паром|режим сна|пульс|римская дорога|мирный договор"
        "|магнитное поле|чёрная дыра|процентная ставка|бюджет|компост|яблоня|база данных|сервер"
        "|скрипка|хор|договор аренды|патент"
    ),
)
CHINESE = Language(
    code="zh",
    space="",
    asks=(("请解释一下", "，我有{n}天时间。"), ("请介绍", "，用{n}句话。")),
    openers=_split("一般来说，|实际上，|首先，|从长远看，|不过，"),
    predicates=_split(
        "需要持续的关注。|取决于周围的条件。|可以一步一步地改进。|遵循几条简单的规则。"
        "|这些年变化很大。|值得再看一遍。"
    ),
    titles=_split("概述|细节"),
    refusal="很抱歉，我无法帮助您。我是一个语言模型。",
    subjects=_split(
        "面团|番茄酱|夜班火车|渡轮|睡眠习惯|血压|丝绸之路|印刷术|磁场|黑洞|利率|预算|堆肥|苹果树"
        "|数据库|服务器|小提琴|合唱团|租赁合同|专利"
    ),
)
JAPANESE = Language(
    code="ja",
    space="",
    asks=(("", "について{n}文で説明してください。"), ("", "を教えてください。あと{n}日あります。")),
    openers=_split("一般に、|実際には、|まず、|長い目で見ると、|それでも、"),
    predicates=_split(
        "は注意が必要です。|は条件によって変わります。|は少しずつ良くなります。"
        "|は簡単な規則に従います。|は昔と大きく変わりました。|はもう一度見る価値があります。"
    ),
    titles=_split("概要|詳細"),
    refusal="申し訳ありませんが、お手伝いできません。私は言語モデルです。",
    subjects=_split(
        "パン生地|トマトソース|夜行列車|フェリー|睡眠の習慣|ワクチン|ローマの道|蒸気機関|磁界"
        "|ブラックホール|金利|貯金|バラの木|りんごの木|データベース|サーバー|バイオリン|合唱|契約書|特許"
    ),
)
ARABIC = Language(
    code="ar",
    space=" ",
    asks=(("اشرح لي ", ". لدي {n} أيام."), ("أخبرني عن ", " في {n} جمل.")),
    openers=_spaced("في الواقع|عادة|في البداية|مع مرور الوقت|ومع ذلك"),
    predicates=_predicates(
        "يحتاج إلى اهتمام دائم|يعتمد على الظروف|يتحسن خطوة بخطوة"
        "|يتبع قواعد بسيطة|تغير كثيرا عبر السنين|يستحق نظرة ثانية"
    ),
    titles=_split("نظرة عامة|تفاصيل"),
    refusal="عذرا، لا أستطيع المساعدة في ذلك. أنا نموذج لغوي. ",
    subjects=_split(
        "العجين|الحساء|القطار الليلي|المتحف|النوم|ضغط الدم|الطريق الروماني|المحرك البخاري"
        "|المجال المغناطيسي|الثقب الأسود|سعر الفائدة|الادخار|السماد|شجرة التفاح|قاعدة البيانات"
        "|الخادم|الكمان|الجوقة|عقد الإيجار|براءة الاختراع"
    ),
)
LANGUAGES = (ENGLISH, SPANISH, GERMAN, FRENCH, RUSSIAN, CHINESE, JAPANESE, ARABIC)

KINDS = ("open", "coding", "maths", "list", "factual", "brief")
ENGLISH_ASKS = (
    _spaced(
        "Explain|Help me understand|Write a short essay about|Describe|Compare old and new views on"
    ),
    _spaced(
        "Write a Python function that keeps track of|Give me code that counts records about"
        "|Write a script that prints a report on|Show a small program for"
    ),
    _spaced(
        "Work out the product and show how it relates to"
        "|Solve this step by step, with an example from"
    ),
    _spaced("List {n} facts about|Give me {n} tips on|Make a list of {n} questions about"),
    _spaced("Tell me in one line what people call|Name the year linked with|Name the origin of"),
    _spaced(
        "Be brief: describe|In at most two sentences, sum up|In fewer words, rewrite my note on"
    ),
)
"""First turns, one tuple per kind in the order of KINDS."""

FOLLOW_UPS = _spaced("Now go on with|And what about|Then relate this to|Please add|Next, explain")
CONTEXTS = tuple(
    f" {context}"
    for context in _split(
        "for a small team|in a cold climate|when money is short|for my parents|in a big city"
        "|for a school project|before the summer|without special tools|in a rural area"
        "|for a blog post|with children around|after a long break|as seen from abroad"
        "|for someone who is new here|during a busy week|in the last century|at low cost"
        "|under time pressure|for a club of friends|with an eye on safety"
    )
)
LEVELS = (", in simple words", "", ", at the level of a specialist")
ENDS = _split(".|. I have {n} days.|. Thanks!|. My limit is {n} euros.|. There are {n} of us.")
OPENINGS = (
    "",
    "Certainly! ",
    "Sure, here you go. ",
    "Great question! ",
    "Of course. ",
    "Absolutely! ",
    "Here's a breakdown: ",
    "Let's think about it. ",
)
SIGN_OFFS = (
    "",
    "\n\nI hope this helps!",
    "\n\nLet me know if you have any further questions.",
    " Feel free to ask for more.",
    "\n\nGood luck!",
)
CODE = (
    "```python\ndef total(rows):\n    result = {n}\n    for row in rows:\n"
    "        result += row.value\n    return result\n```\n",
    "```python\nfrom collections import Counter\n\ncounts = Counter(names)\n"
    "print(counts.most_common({n}))\n```\n",
    "```python\nrecords = sorted(records, key=lambda record: record.date)\n"
    "for record in records[:{n}]:\n    print(record.name, record.date)\n```\n",
)


class Table(NamedTuple):
    """Words of all groups (languages, kinds) in one row: group g starts at `start[g]`."""

    words: tuple[str, ...]
    start: tuple[int, ...]
    size: tuple[int, ...]


def flatten(groups: Iterable[Sequence[str]]) -> Table:
    """Lay groups of words one after another.

    >>> flatten([["a", "b"], ["c"]])
    Table(words=('a', 'b', 'c'), start=(0, 2), size=(2, 1))
    """
    rows = [tuple(group) for group in groups]
    size = tuple(len(row) for row in rows)
    return Table(tuple(chain.from_iterable(rows)), (0, *accumulate(size[:-1])), size)
