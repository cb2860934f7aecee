"""Who says what answers mean: the consent to keep pairs for labels, and the judge model."""

from pydantic import Field

from gateway.config.fields import Count, Label, PositiveSeconds, Share
from gateway.config.plans import Section
from shadow.redaction import EVERYTHING, Redact
from shadow.review import Review


class ReviewSpec(Section):
    """Consent to keep a sample of pairs, prompts and answers, for labels. Absent: nothing is kept."""

    sample: Share = Field(default=0.05, gt=0, description="share of the compared pairs that are drawn")
    keep_seconds: PositiveSeconds = Field(
        default=7 * 86_400.0, validation_alias="keep", description="a pair is gone after this long"
    )
    most: int = Field(default=500, ge=1, le=10_000, description="pairs kept at once; those drawn last make room")
    redact: tuple[Redact, ...] = Field(
        default=EVERYTHING, description="what is taken out of the texts first: email, url, secret, number"
    )
    accepts: tuple[Label, ...] | None = Field(
        default=None, description="classes of data that may be kept; without, only data without a class"
    )
    judge: bool = Field(default=False, description="the judge model labels them too; a person's label wins")

    def resolve(self) -> Review:
        """The shadow worker's form."""
        return Review(self.sample, self.keep_seconds, self.most, self.redact, self.accepts, self.judge)


class JudgeSpec(Section):
    """A model that is asked whether two answers say the same, where words do not tell. Absent: nobody is asked."""

    model: str = Field(description="one of models; its `accepts` and `price` hold here too")
    calls_per_minute: Count = Field(default=60, ge=6, description="a comparison takes two, a triple up to six")
    grey: tuple[Share, Share] = Field(
        default=(0.25, 0.75), description="it is asked where the agreement of the words lies between these"
    )
