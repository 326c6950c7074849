"""The IHE profiles this gateway speaks: one explicit tuple, importing has no other effect."""

from gateway.declare.transaction import Profile
from profiles.fhirbase.profile import profile_over
from profiles.mhd.profile import PROFILE as MHD
from profiles.pdqm.profile import PROFILE as PDQM
from profiles.pix.profile import PROFILE as PIX
from profiles.pixm.profile import PROFILE as PIXM
from profiles.pmir.profile import PROFILE as PMIR
from profiles.xdm.profile import PROFILE as XDM
from profiles.xdr.profile import PROFILE as XDR
from profiles.xds.profile import PROFILE as XDS

_SPOKEN = (XDS, XDR, XDM, PIX, MHD, PIXM, PDQM, PMIR)

PROFILES: tuple[Profile, ...] = (*_SPOKEN, profile_over(_SPOKEN))
