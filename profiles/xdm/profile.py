"""XDM: Portable Media Creator and Portable Media Importer (ITI TF-1 16)."""

from gateway.declare.transaction import Profile
from profiles.xdm import iti32_distribute_document_set_on_media as iti32

PROFILE = Profile(
    code="XDM",
    title="Cross-Enterprise Document Media Interchange",
    transactions=(iti32.IMPORT, iti32.EXPORT),
    depends_on=("xds", "mhd"),
)
