"""All layouts by the names that ``--layout`` takes."""

from data.layouts.comparia import COMPARIA
from data.layouts.helpsteer3 import HELPSTEER3
from data.layouts.kaggle import KAGGLE
from data.layouts.layout import Layout
from data.layouts.lmarena import CONVERSATION_PAIRS, LMARENA_100K, LMARENA_140K
from data.layouts.mt_bench import MT_BENCH
from data.layouts.pairs import HH, PAIRS, TULU_3, ULTRAFEEDBACK
from data.layouts.plain import PLAIN
from data.layouts.wsdm import WSDM

# Of those that fit, or come near, equally well the first is taken.
LAYOUTS: dict[str, Layout] = {
    "kaggle": KAGGLE,
    "plain": PLAIN,
    "wsdm": WSDM,
    "conversations": CONVERSATION_PAIRS,
    "lmarena-140k": LMARENA_140K,
    "lmarena-100k": LMARENA_100K,
    "mt-bench": MT_BENCH,
    "comparia": COMPARIA,
    "helpsteer3": HELPSTEER3,
    "pairs": PAIRS,
    "ultrafeedback": ULTRAFEEDBACK,
    "tulu-3": TULU_3,
    "hh": HH,
}
