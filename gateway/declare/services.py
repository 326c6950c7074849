"""What handlers may use; at most eight members, each a port of the record."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.directory.book import ProviderDirectory
from gateway.mpi.index import PatientIndex
from gateway.record.domain import Domain
from gateway.rights.book import RightsBook
from gateway.rights.documents import ConsentDocuments
from gateway.rights.presence import PresenceDesk
from gateway.stores.emergencies import EmergencyStore
from gateway.stores.patients import PatientStore
from gateway.stores.registry import RegistryStore
from gateway.stores.repository import RepositoryStore
from gateway.stores.subscriptions import SubscriptionStore
from gateway.stores.visit_notices import VisitNotices
from gateway.stores.visits import VisitStore
from gateway.tokens.service import TokenService
from gateway.trail.book import TrailBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What handlers need that administer access itself."""

    rights: RightsBook
    directory: ProviderDirectory
    documents: ConsentDocuments
    presence: PresenceDesk
    emergencies: EmergencyStore
    visits: VisitNotices
    tokens: TokenService
    trail: TrailBook


@dataclass(frozen=True, slots=True)
class Services:
    """The stores, the index of patients and the affinity domain; who asked to be told of changed patients."""

    registry: RegistryStore
    repository: RepositoryStore
    patients: PatientStore
    domain: Domain
    index: PatientIndex
    subscriptions: SubscriptionStore
    visits: VisitStore
    access: Access
