"""Which form of model votes ask for: of those that know no ties A against B is fitted alone."""

from data.battles import DataError, Files, layouts_of
from data.labels import CLASS_NAMES, TIE, A, B
from models.heads import classes_of
from pipelines.config import Config, without_ties
from pipelines.run.inputs import Battles, Inputs

ALONE = "Where votes know no ties fit A against B alone, by --set model.form=direction. "
TOLD = 'votes without ties: A or B alone (model.form = "direction")'


def settled(config: Config, inputs: Inputs, *, keep: bool = False) -> Config:
    """Return the configuration in the form that the votes of the training file ask for.

    A file's columns tell, before it is read, whether its votes know ties.

    Parameters
    ----------
    config : Config
    inputs : Inputs
    keep : bool
        Whether the form was asked for by name: then it holds.

    Raises
    ------
    DataError
        The form that is to be kept has ties, and the votes know none.
    """
    if inputs.knows_ties() or not has_ties(config):
        return config
    if keep:
        raise no_ties(
            inputs,
            f"nothing tells the form {config.model.form!r} how often battles tie. Leave --set "
            "model.form out, and A against B alone is fitted, or give",
        )
    return without_ties(config)


def no_ties(inputs: Inputs, why: str) -> DataError:
    """Return what says that votes know no ties, why these are needed, and the way out.

    Parameters
    ----------
    inputs : Inputs
    why : str
        Ends in "give", or "Give", which goes with the file.
    """
    title = layouts_of(inputs.train)[0].recognised.layout.title
    return DataError(
        f"{Files.of(inputs.train)}: read as {title}, whose votes know no ties: {why} the file as "
        "--extra beside a --train with ties."
    )


def has_ties(config: Config) -> bool:
    """Whether a tie is one of the classes that are predicted."""
    return TIE in classes_of(config.model.form)


def check_votes(battles: Battles, *, ties: bool, way_out: str = "") -> None:
    """Refuse plain votes of one side alone, with ties that have no place, or without those needed.

    Parameters
    ----------
    battles : Battles
    ties : bool
        Whether ties are one of the classes that are predicted.
    way_out : str
        How to fit votes without ties.

    Raises
    ------
    DataError
        Names the file, and the way out.
    """
    _, y = battles.plain
    file, found = battles.files[0]["file"], int((y == TIE).sum())
    for label in (A, B):
        if (y == label).all():
            raise DataError(
                f"{file}: all {len(y):,} votes are for {CLASS_NAMES[label]}, so nothing is to be "
                "told apart. Where the better answer always has that place, call the columns "
                "prompt, chosen and rejected: of such pairs the order is drawn by chance. Or give "
                f"the file as --extra: --train FILE --extra {file}."
            )
    if found and not ties:
        raise DataError(
            f"{file}: {found:,} of {len(y):,} votes are ties, for which the form 'direction' has "
            "no place. Leave model.form out, or leave these rows out."
        )
    if ties and not found:
        raise DataError(
            f"{file}: expected battles of all three classes, found none of class tie (winner_tie) "
            f"in {len(y):,} rows. {way_out}Beside data with ties give the file as --extra: --train "
            f"FILE --extra {file}."
        )
