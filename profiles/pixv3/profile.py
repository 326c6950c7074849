"""PIXV3: actors, transactions and endpoints (ITI TF-1 23)."""

from gateway.declare.transaction import Profile
from profiles.pixv3 import iti44_patient_identity_feed_v3 as iti44
from profiles.pixv3 import iti45_pix_query_v3 as iti45
from profiles.pixv3 import iti46_pix_update_notification_v3 as iti46

PROFILE = Profile(
    code="PIXV3",
    title="Patient Identifier Cross-referencing HL7 V3",
    transactions=(*iti44.AT_MANAGER, iti45.TRANSACTION, *iti44.AT_REGISTRY),
    notifications=(iti46.NOTIFICATION,),
    endpoints={"PIX Manager": "/pix", "Document Registry": "/xds/registry"},
)
