"""Who is who: decides whether identities of several systems belong to one person. Pure."""

from gateway.matching.assign import Assignment, ReviewReason, assign, of_cluster, overlay
from gateway.matching.compare import Levels, compare
from gateway.matching.judge import Grade, Judgement, Zone, explain, judge
from gateway.matching.matricule import is_matricule
from gateway.matching.model import MatchModel, dump_model, load_model
from gateway.matching.normalise import StopList
from gateway.matching.packing import pack_traits, unpack_traits
from gateway.matching.train import estimate
from gateway.matching.traits import Traits, traits_of

__all__ = [
    "Assignment",
    "Grade",
    "Judgement",
    "Levels",
    "MatchModel",
    "ReviewReason",
    "StopList",
    "Traits",
    "Zone",
    "assign",
    "compare",
    "dump_model",
    "estimate",
    "explain",
    "is_matricule",
    "judge",
    "load_model",
    "of_cluster",
    "overlay",
    "pack_traits",
    "traits_of",
    "unpack_traits",
]
