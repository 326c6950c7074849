"""ITI-32 Distribute Document Set on Media (ITI TF-2 3.32): a medium is a message that is a ZIP file."""

from profiles.xdm.iti32_distribute_document_set_on_media.creator import TRANSACTION as EXPORT
from profiles.xdm.iti32_distribute_document_set_on_media.importer import TRANSACTION as IMPORT

__all__ = ["EXPORT", "IMPORT"]
