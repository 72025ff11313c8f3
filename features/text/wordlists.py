"""Words and phrases that the families `wording` and `prompt` look for: data, no code.

An entry is plain text, no regular expression. It counts where it stands between word boundaries;
a trailing ``*`` makes it a stem, which may go on. An entry in lower case is found in any case, one
with a capital only as it is written. ``'`` also stands for ``’``.
To add entries or lists without touching this file, pass ``words={"hedges": ["arguably"]}`` to a
family. Entries without another source were chosen by reading answers and prompts of the Arena; no
label was looked at.
"""

from typing import NamedTuple


class WordList(NamedTuple):
    """Words and phrases with one meaning.

    Attributes
    ----------
    doc : str
        What they are, in words.
    reason : str
        Why they should tell something, or where the choice of entries comes from.
    entries : tuple of str
        The words, see the head of this file.
    places : tuple of str
        Where they are looked for: names from `features.text.phrases.PLACES`. Each place makes a
        statistic of its own.
    """

    doc: str
    reason: str
    entries: tuple[str, ...]
    places: tuple[str, ...] = ("anywhere",)


ANSWERS: dict[str, WordList] = {
    "refusals": WordList(
        "refusals",
        "An answer that declines loses to one that helps, and two that decline tie. The first "
        "ones are refusal prefixes by which attacks are scored (Zou et al., 2023).",
        (
            "i can't", "i cannot", "i can not", "i'm unable to", "i am unable to",
            "i'm not able to", "i am not able to", "i won't", "i will not", "i'm not comfortable",
            "i don't have the ability", "i do not have the ability", "i don't feel comfortable",
            "can't provide", "cannot provide", "can't assist", "cannot assist", "can't help with",
            "cannot help with", "cannot fulfil*", "can't fulfil*", "unable to assist",
            "unable to provide", "against my programming", "i must decline", "i refuse",
            "no puedo", "ich kann nicht", "ich kann leider", "je ne peux pas", "não posso",
            "non posso", "я не могу",
        ),
        ("anywhere", "opening"),
    ),
    "apologies": WordList(
        "apologies",
        "Come with refusals and with corrected mistakes; 'sorry' and 'I apologize' are among the "
        "refusal prefixes of Zou et al. (2023).",
        (
            "sorry", "apolog*", "forgive me", "i regret", "unfortunately", "my mistake",
            "lo siento", "me disculpo", "tut mir leid", "entschuldig*", "désolé*", "je m'excuse",
            "desculpe*", "sinto muito", "lamento", "mi dispiace", "извините", "простите",
            "к сожалению",
        ),
        ("anywhere", "opening"),
    ),
    "disclaimers": WordList(
        "disclaimers of a machine",
        "People asked for an answer, not for what the answerer is; 'as an AI' is the best-known "
        "complaint about assistants.",
        (
            "as an ai", "as a language model", "as a large language model", "as an artificial",
            "as an assistant", "i'm an ai", "i am an ai", "i'm just an ai", "i am just an ai",
            "i'm a language model", "i am a language model", "i'm a large language model",
            "i am a large language model", "language model", "i don't have personal",
            "i do not have personal", "i don't have feelings", "i do not have feelings",
            "i don't have access", "i do not have access", "my knowledge cutoff",
            "my training data", "my last update", "my last knowledge update",
            "como modelo de lenguaje", "als ki", "als sprachmodell", "en tant que modèle",
            "en tant qu'ia", "como um modelo de linguagem", "как языковая модель",
        ),
        ("anywhere", "opening"),
    ),
    "identity": WordList(
        "words on who made the answerer",
        "An answerer that names itself is judged by its name; rare, since the Arena filters it.",
        (
            "openai", "anthropic", "lmsys", "large model systems", "open assistant", "my name is",
            "i was created by", "i was developed by", "i was trained by", "developed by meta",
            "trained by google", "made by google",
        ),
    ),
    "cautions": WordList(
        "lectures and warnings",
        "Moralising where none was asked for, and advice to ask somebody else.",
        (
            "it's important to", "it is important to", "it's crucial to", "it is crucial to",
            "please note", "note that", "keep in mind", "be aware", "it's worth noting",
            "it is worth noting", "consult", "seek professional", "healthcare professional",
            "not a substitute", "ethical*", "unethical", "inappropriate", "harmful", "illegal",
            "offensive", "respectful*", "responsibly",
        ),
    ),
    "hedges": WordList(
        "hedges",
        "Uncertainty is read as weakness or as honesty. Mostly from Hyland's list of hedges "
        "(Metadiscourse, 2005, appendix).",
        (
            "maybe", "perhaps", "possibly", "probably", "presumably", "might", "may be",
            "could be", "it seems", "it appears", "seems to", "appears to", "likely", "unlikely",
            "generally", "typically", "usually", "often", "sometimes", "it depends", "depending",
            "as far as i know", "in my opinion", "i think", "i believe", "i guess", "not sure",
            "uncertain*", "unclear", "approximately", "roughly", "around", "somewhat",
        ),
    ),
    "boosters": WordList(
        "words of certainty",
        "The counterpart of hedges, from the same list (Hyland, 2005, appendix).",
        (
            "clearly", "obviously", "definitely", "certainly", "undoubtedly", "of course",
            "indeed", "in fact", "actually", "always", "never", "must", "absolutely", "truly",
            "without doubt", "no doubt", "surely",
        ),
    ),
    "first_person": WordList(
        "first person singular",
        "Talk of the answerer; pronouns of the LIWC category 'I' (Pennebaker et al., 2015).",
        ("I", "me", "my", "mine", "myself"),  # "I" covers "I'm"; in lower case it is an index
    ),
    "second_person": WordList(
        "second person",
        "Talk to the reader; pronouns of the LIWC category 'you' (Pennebaker et al., 2015).",
        ("you", "you're", "you'll", "you've", "you'd", "your", "yours", "yourself", "yourselves"),
    ),
    "politeness": WordList(
        "politeness",
        "Gratitude and deference, markers of politeness in Danescu-Niculescu-Mizil et al. (2013).",
        (
            "please", "thank you", "thanks", "you're welcome", "you are welcome", "kindly",
            "appreciate*", "i'd be happy", "i would be happy", "happy to", "glad to", "my pleasure",
            "gracias", "danke", "merci", "obrigado", "bitte", "por favor", "спасибо", "пожалуйста",
        ),
    ),
    "connectives": WordList(
        "connectives",
        "Signs of an argued text; the frame and transition markers of Hyland (2005, appendix).",
        (
            "however", "therefore", "thus", "for example", "for instance", "in addition",
            "additionally", "furthermore", "moreover", "because", "although", "on the other hand",
            "first*", "second*", "finally", "as a result", "such as", "while",
        ),
    ),
    "conclusions": WordList(
        "conclusions",
        "A closing summary is a habit of some models, and a mark of essays.",
        ("in conclusion", "in summary", "overall", "to summarize", "to sum up", "ultimately"),
    ),
    "clarifications": WordList(
        "requests for more information",
        "A question back instead of an answer.",
        (
            "could you please", "can you please", "could you clarify", "can you clarify",
            "please clarify", "could you provide", "can you provide", "please provide",
            "please specify", "please tell me", "more context", "more information about",
            "more details", "do you have any", "do you want me", "would you like", "what do you",
            "what would you", "what kind of", "did you mean", "i don't understand",
            "i'm not sure what", "i am not sure what",
        ),
    ),
    "agreement": WordList(
        "willing openings",
        "An answer that begins with a yes to the task, mostly of one family of models.",
        (
            "sure", "certainly", "of course", "absolutely", "definitely", "yes", "okay", "ok",
            "alright", "no problem", "claro", "por supuesto", "natürlich", "bien sûr", "конечно",
        ),
        ("start",),
    ),
    "praise": WordList(
        "praise of the question",
        "Flattery (Sharma et al., 2023) in its commonest form.",
        (
            "great question", "good question", "excellent question", "interesting question",
            "that's a great", "that is a great", "that's a good", "that's an interesting",
            "what a great", "thank you for", "thanks for", "you're right", "you are right",
            "you are correct", "you're correct", "you're absolutely right",
        ),
        ("opening",),
    ),
    "announcements": WordList(
        "announcements",
        "A sentence on the answer before the answer itself.",
        (
            "here is", "here are", "here's", "here're", "below is", "below are", "the following is",
            "as requested", "let's", "let me", "aquí tienes", "voici", "hier ist", "hier sind",
            "aqui está", "вот",
        ),
        ("opening",),
    ),
    "sign_offs": WordList(
        "sign-offs",
        "Good wishes after the answer; they also show that it was not cut off.",
        (
            "let me know", "hope this helps", "hope that helps", "hope it helps", "feel free to",
            "if you have any", "if you need", "don't hesitate", "do not hesitate", "anything else",
            "happy to help", "here to help", "good luck", "enjoy", "have a great", "best of luck",
        ),
        ("closing",),
    ),
}  # fmt: skip

PROMPTS: dict[str, WordList] = {
    "greetings": WordList(
        "greetings and tests",
        "Nothing is asked, so nothing tells the answers apart.",
        (
            "hi", "hello", "hey", "hi there", "hello there", "hey there", "yo", "test", "testing",
            "ping", "good morning", "good evening", "how are you", "hello how are you",
            "hi how are you", "what's up", "sup", "hola", "bonjour", "hallo", "olá", "ciao",
            "привет", "你好", "こんにちは", "안녕",
        ),
        ("whole",),
    ),
    "wh_questions": WordList(
        "wh-questions",
        "A question for a fact or a reason.",
        (
            "what", "what's", "whats", "who", "who's", "whom", "whose", "which", "when", "where",
            "where's", "why", "how", "how's",
        ),
        ("start",),
    ),
    "yes_no_questions": WordList(
        "yes-no questions",
        "Two possible answers: two right ones are alike.",
        (
            "is", "isn't", "are", "aren't", "am", "was", "were", "do", "don't", "does", "did",
            "can", "could", "should", "will", "would", "has", "have", "had", "may",
        ),
        ("start",),
    ),
    "imperatives": WordList(
        "imperatives",
        "A task to do rather than a question to answer.",
        (
            "write", "give", "create", "list", "explain", "tell", "make", "generate", "describe",
            "translate", "summarize", "summarise", "rewrite", "provide", "find", "show", "act",
            "please", "imagine", "suggest", "compare", "analyze", "design", "develop", "build",
            "implement", "answer", "solve", "calculate", "come up with", "complete", "convert",
            "define", "discuss", "draft", "fix", "help", "identify", "improve", "name", "pretend",
            "recommend", "say", "classify", "extract", "let's", "you are",
        ),
        ("start",),
    ),
    "facts": WordList(
        "questions for a fact",
        "One right answer: easy where both know it, a tie where they do.",
        (
            "who is", "who was", "who are", "who won", "who wrote", "what is the capital",
            "what is", "what's the", "what are", "what does", "what year", "when did", "when was",
            "when is", "where is", "where are", "how many", "how much", "how old", "how far",
            "how tall", "how long", "which country", "define", "meaning of",
        ),
        ("opening",),
    ),
    "choices": WordList(
        "closed choices",
        "The answer is one of a few given words.",
        (
            "true or false", "yes or no", "which of the following", "choose", "options",
            "correct answer", "multiple choice", "select one", "classify", "positive or negative",
        ),
    ),
    "explanations": WordList(
        "requests to explain or teach",
        "Open tasks where depth and form decide.",
        (
            "explain", "describe", "why", "how do i", "how to", "how can i", "difference between",
            "compare", "pros and cons", "advantages", "tutorial", "guide", "teach me", "steps",
        ),
    ),
    "opinions": WordList(
        "requests for an opinion or a recommendation",
        "No objective answer: a matter of taste.",
        (
            "best", "better", "favorite", "favourite", "recommend*", "opinion", "should i",
            "do you think", "what do you think", "suggest*", "advice", "ideas",
        ),
    ),
    "creative": WordList(
        "creative tasks",
        "Judged by taste and length, seldom a tie of two right answers.",
        (
            "story", "stories", "poem", "poetry", "haiku", "song", "lyrics", "rap", "limerick",
            "joke", "jokes", "fiction", "fanfic*", "novel", "scene", "screenplay", "script",
            "dialogue", "character", "plot", "creative", "funny", "humorous", "slogan", "tagline",
        ),
    ),
    "role_plays": WordList(
        "role play",
        "An assigned part, which an answer can fall out of.",
        (
            "role play", "roleplay", "role-play", "act as", "acting as", "you are a", "you are an",
            "you're a", "pretend", "imagine you", "imagine that you", "persona", "in the style of",
            "as if you were", "stay in character", "your role",
        ),
    ),
    "code": WordList(
        "words of programming",
        "Right or wrong can be tested, and layout counts.",
        (
            "code", "python", "javascript", "typescript", "java", "rust", "c#", "c++", "golang",
            "sql", "html", "css", "bash", "function", "script", "program", "programming", "api",
            "regex", "algorithm", "def", "import", "const", "void", "numpy", "pandas", "pytorch",
            "react", "docker", "linux", "git", "excel", "database", "class", "bug", "debug",
        ),
    ),
    "mathematics": WordList(
        "words of mathematics",
        "One right answer that models often miss.",
        (
            "solve", "calculate", "compute", "equation*", "how many", "how much", "probability",
            "prove", "proof", "theorem", "integral", "derivative", "matrix", "sum", "percent*",
            "multiply", "divided by", "plus", "minus", "square root", "geometry", "math", "maths",
            "mathematic*", "prime", "number",
        ),
    ),
    "riddles": WordList(
        "riddles and tests of reasoning",
        "What users keep to try a model with; they know the right answer.",
        (
            "riddle", "puzzle", "logic*", "step by step", "killers", "brothers", "sisters",
            "apples", "shirts", "heavier", "pound of", "how many sisters", "if i have",
            "if it takes", "spell", "reverse", "letters", "starting with", "ends with",
            "end with", "ending in",
        ),
    ),
    "brief": WordList(
        "wishes for a short answer",
        "Turns the preference for length around.",
        (
            "brief*", "short", "shorter", "concise*", "succinct*", "one sentence", "one word",
            "single word", "single sentence", "one paragraph", "few words", "few sentences",
            "tl;dr", "tldr", "in a nutshell", "no more than", "at most", "less than", "only",
            "just", "summary", "summarize", "summarise",
        ),
    ),
    "long": WordList(
        "wishes for a long answer",
        "Strengthens the preference for length.",
        (
            "essay", "detailed", "in detail", "in depth", "in-depth", "comprehensive*", "thorough*",
            "long", "longer", "at least", "as much as possible", "elaborate", "extensive*",
            "article", "blog post", "report", "full", "complete",
        ),
    ),
    "formats": WordList(
        "wishes for a format",
        "An answer that misses the format loses.",
        (
            "table", "list", "bullet", "bullets", "bullet points", "json", "csv", "xml", "yaml",
            "markdown", "latex", "format", "outline", "template", "bold", "headings", "columns",
        ),
    ),
    "given_text": WordList(
        "work on a given text",
        "The source lies in the prompt: answers are alike.",
        (
            "translate", "translation", "rewrite", "rephrase", "paraphrase", "proofread",
            "correct the", "grammar", "summarize", "summarise", "summary of", "the following",
            "text:", "below", "above", "context:", "article:", "passage", "input:", "document",
        ),
    ),
    "attacks": WordList(
        "attempts to get round the rules",
        "One answer may refuse, the other not; after the prompts that Shen et al. (2023) collect.",
        (
            "ignore previous", "ignore all", "ignore the", "previous instructions", "jailbreak*",
            "do anything now", "DAN", "uncensored", "no restrictions", "without restrictions",
            "without any restrictions", "unfiltered", "system prompt", "developer mode",
            "no matter what", "never refuse", "bypass",
        ),
    ),
    "sensitive": WordList(
        "sensitive matters",
        "Where one answer refuses and the other does not.",
        (
            "sex", "sexual*", "sexy", "erotic*", "nude", "naked", "porn*", "fetish", "nsfw",
            "kill", "murder*", "bomb*", "weapon*", "drug*", "meth", "suicid*", "racist", "racis*",
            "hack*", "steal", "illegal", "hitler", "nazi*", "trump", "biden", "religio*", "gay",
        ),
    ),
    "identity": WordList(
        "questions on the answerer",
        "Asks who the models are; the answers are stock phrases.",
        (
            "who are you", "what are you", "your name", "which model", "what model", "are you gpt",
            "are you chatgpt", "are you an ai", "are you a", "who made you", "who created you",
            "language model", "chatgpt", "openai", "your training", "introduce yourself",
        ),
    ),
    "politeness": WordList(
        "politeness",
        "Says something of who asks; as for answers.",
        ("please", "thank you", "thanks", "kindly", "could you", "can you", "would you"),
    ),
    "follow_ups": WordList(
        "follow-ups",
        "A second turn that is not content with the first answer, or asks for more of it.",
        (
            "continue", "go on", "more", "again", "another", "are you sure", "wrong", "incorrect",
            "no", "ok", "okay", "thanks", "now", "and", "but", "instead", "why",
        ),
        ("start",),
    ),
}  # fmt: skip

# Commonest words, of three letters or more, of the languages that share the Latin script: which
# of them a text is in. Words that English shares with another ("die", "las", "per") are left out.
ENGLISH = ("the", "and", "that", "with", "for", "you", "what", "how", "are", "this", "can", "write")
OTHER_LATIN = (
    "que", "los", "una", "por", "para", "como", "del", "qué",  # Spanish
    "und", "der", "das", "ist", "ein", "eine", "nicht", "ich", "wie",  # German
    "les", "des", "est", "une", "pour", "dans", "qui",  # French
    "não", "uma", "você", "dos",  # Portuguese
    "che", "della", "sono",  # Italian
    "het", "een", "och", "att", "nie", "się", "jest", "bir",  # Dutch, Swedish, Polish, Turkish
)  # fmt: skip

# Scripts other than Latin, by what Rust's regex calls them. Han and kana are one: Japanese mixes
# them. Greek letters stand in mathematics too, so a few of them say nothing of the language.
SCRIPTS: dict[str, str] = {
    "cyrillic": r"\p{Cyrillic}",
    "cjk": r"[\p{Han}\p{Hiragana}\p{Katakana}]",
    "hangul": r"\p{Hangul}",
    "arabic": r"\p{Arabic}",
    "devanagari": r"\p{Devanagari}",
    "hebrew": r"\p{Hebrew}",
    "greek": r"\p{Greek}",
    "thai": r"\p{Thai}",
}
