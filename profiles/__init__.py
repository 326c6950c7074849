"""The IHE profiles this gateway speaks: one explicit tuple, importing has no other effect."""

from gateway.declare.transaction import Profile
from profiles.appc.profile import PROFILE as APPC
from profiles.atna.profile import PROFILE as ATNA
from profiles.bppc.profile import PROFILE as BPPC
from profiles.emergency.profile import PROFILE as EMERGENCY
from profiles.fhirbase.profile import profile_over
from profiles.hpd.profile import PROFILE as HPD
from profiles.iua.profile import PROFILE as IUA
from profiles.mhd.profile import PROFILE as MHD
from profiles.pam.profile import PROFILE as PAM
from profiles.pcf.profile import PROFILE as PCF
from profiles.pdq.profile import PROFILE as PDQ
from profiles.pdqm.profile import PROFILE as PDQM
from profiles.pdqv3.profile import PROFILE as PDQV3
from profiles.pix.profile import PROFILE as PIX
from profiles.pixm.profile import PROFILE as PIXM
from profiles.pixv3.profile import PROFILE as PIXV3
from profiles.pmir.profile import PROFILE as PMIR
from profiles.presence.profile import PROFILE as PRESENCE
from profiles.vigilance.profile import PROFILE as VIGILANCE
from profiles.xcpd.profile import PROFILE as XCPD
from profiles.xdm.profile import PROFILE as XDM
from profiles.xdr.profile import PROFILE as XDR
from profiles.xds.profile import PROFILE as XDS
from profiles.xpid.profile import PROFILE as XPID
from profiles.xua.profile import PROFILE as XUA

_SPOKEN = (
    *(XDS, XDR, XDM, BPPC, APPC, PIX, PDQ, PAM, XPID, PIXV3, PDQV3, XCPD, MHD, PIXM, PDQM, PMIR),
    *(PCF, PRESENCE, EMERGENCY, VIGILANCE, HPD, IUA, XUA, ATNA),
)

PROFILES: tuple[Profile, ...] = (*_SPOKEN, profile_over(_SPOKEN))
