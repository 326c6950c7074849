package passerelle.interop;

import static passerelle.interop.Transaction.ITI_18;
import static passerelle.interop.Transaction.ITI_41;
import static passerelle.interop.Transaction.ITI_42;
import static passerelle.interop.Transaction.ITI_51;

import java.util.Collection;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Association;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ObjectReference;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.XDSMetaClass;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsByReferenceIdQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsForMultiplePatientsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindSubmissionSetsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAllQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAssociationsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsAndAssociationsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFolderAndContentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFoldersForDocumentQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetRelatedDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetSubmissionSetAndContentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetSubmissionSetsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryList;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;

/** ITI-18 on what the submissions left, and ITI-51. */
final class Queries {
    private static final List<Transaction> NEEDED = List.of(ITI_18, ITI_41, ITI_42);

    private final Session session;

    Queries(Session session) {
        this.session = session;
    }

    void run() {
        session.check("FindDocuments, LeafClass", NEEDED, this::findDocuments);
        session.check("FindDocuments, ObjectRef", NEEDED, this::findReferences);
        session.check("FindDocuments, deprecated", NEEDED, this::findDeprecated);
        session.check("FindDocuments, by codes, times and author", NEEDED, this::findNarrowly);
        session.check("FindDocuments, unknown patient", NEEDED, this::findOfNobody);
        session.check("FindDocumentsByReferenceId", NEEDED, this::findByReference);
        session.check("GetDocuments by entryUUID and by uniqueId", NEEDED, this::getDocuments);
        session.check("GetDocuments gives back what was provided", NEEDED, this::unchanged);
        session.check("GetAll", NEEDED, this::getAll);
        session.check("GetSubmissionSetAndContents", NEEDED, this::getSubmissionSetAndContents);
        session.check("FindSubmissionSets", NEEDED, this::findSubmissionSets);
        session.check("FindFolders", NEEDED, this::findFolders);
        session.check("GetFolderAndContents", NEEDED, this::getFolderAndContents);
        session.check("GetFolders", NEEDED, this::getFolders);
        session.check("GetFoldersForDocument", NEEDED, this::getFoldersForDocument);
        session.check("GetSubmissionSets", NEEDED, this::getSubmissionSets);
        session.check("GetAssociations", NEEDED, this::getAssociations);
        session.check("GetDocumentsAndAssociations", NEEDED, this::getDocumentsAndAssociations);
        session.check("GetRelatedDocuments", NEEDED, this::getRelated);
        session.check("FindDocumentsForMultiplePatients", List.of(ITI_51, ITI_41, ITI_42), this::findOfSeveral);
    }

    private List<DocumentEntry> approved() {
        return List.of(session.corrected, session.image, session.registered);
    }

    private FindDocumentsQuery approvedOnly() {
        return session.findDocuments(session.samples.patient(), AvailabilityStatus.APPROVED);
    }

    private String findDocuments() throws Exception {
        QueryResponse found = session.query(approvedOnly());
        return same("entries", approved(), found.getDocumentEntries());
    }

    private String findReferences() throws Exception {
        QueryResponse found = session.query(approvedOnly(), QueryReturnType.OBJECT_REF);
        Expect.sameSet("references", approved().stream().map(XDSMetaClass::getEntryUuid).toList(),
                found.getReferences().stream().map(ObjectReference::getId).toList());
        Expect.that(found.getDocumentEntries().isEmpty(), "complete entries came");
        return found.getReferences().size() + " references";
    }

    private String findDeprecated() throws Exception {
        QueryResponse found = session.query(
                session.findDocuments(session.samples.patient(), AvailabilityStatus.DEPRECATED));
        return same("entries", List.of(session.letter), found.getDocumentEntries());
    }

    private String findNarrowly() throws Exception {
        FindDocumentsQuery query = approvedOnly();
        query.setTypeCodes(List.of(Samples.PROGRESS));
        query.setFormatCodes(List.of(session.image.getFormatCode()));
        query.setConfidentialityCodes(new QueryList<>(session.image.getConfidentialityCodes().get(0)));
        query.setEventCodes(new QueryList<>(session.image.getEventCodeList().get(0)));
        query.setAuthorPersons(List.of("%Tester%"));
        query.getServiceStartTime().setFrom("20251231");
        query.getServiceStartTime().setTo("20260102");
        query.getCreationTime().setFrom("20260102030405");
        return same("entries", List.of(session.image), session.query(query).getDocumentEntries());
    }

    private String findOfNobody() throws Exception {
        QueryResponse found = session.query(
                session.findDocuments(session.samples.strangeToTheDomain(), AvailabilityStatus.APPROVED));
        return same("entries", List.of(), found.getDocumentEntries());
    }

    private String findByReference() throws Exception {
        FindDocumentsByReferenceIdQuery query = new FindDocumentsByReferenceIdQuery();
        query.setPatientId(session.samples.patient());
        query.setStatus(List.of(AvailabilityStatus.APPROVED));
        query.setTypedReferenceIds(new QueryList<>(session.image.getReferenceIdList().get(0)));
        return same("entries", List.of(session.image), session.query(query).getDocumentEntries());
    }

    private String getDocuments() throws Exception {
        GetDocumentsQuery byUuid = new GetDocumentsQuery();
        byUuid.setUuids(List.of(session.letter.getEntryUuid(), session.image.getEntryUuid()));
        GetDocumentsQuery byUniqueId = new GetDocumentsQuery();
        byUniqueId.setUniqueIds(List.of(session.letter.getUniqueId(), session.image.getUniqueId()));
        List<DocumentEntry> expected = List.of(session.letter, session.image);
        same("entries by entryUUID", expected, session.query(byUuid).getDocumentEntries());
        return same("entries by uniqueId", expected, session.query(byUniqueId).getDocumentEntries());
    }

    /** All attributes, and those that the repository and the registry add (ITI TF-3 4.2.3.2). */
    private String unchanged() throws Exception {
        DocumentEntry found = session.current(session.image.getEntryUuid());
        DocumentEntry expected = session.samples.stored(session.image, session.imageContent);
        expected.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        expected.setLogicalUuid(expected.getEntryUuid());
        expected.setVersion(found.getVersion());
        Expect.equal("entry", expected, found);
        return "size " + found.getSize() + ", hash " + found.getHash();
    }

    private String getAll() throws Exception {
        GetAllQuery query = new GetAllQuery();
        query.setPatientId(session.samples.patient());
        List<AvailabilityStatus> any = List.of(AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED);
        query.setStatusDocuments(any);
        query.setStatusFolders(any);
        query.setStatusSubmissionSets(any);
        QueryResponse found = session.query(query);
        same("submission sets", List.of(session.first.set, session.replacement.set, session.registration.set),
                found.getSubmissionSets());
        same("folders", List.of(session.folder), found.getFolders());
        same("entries", List.of(session.letter, session.image, session.corrected, session.registered),
                found.getDocumentEntries());
        int submitted = session.first.associations.size() + session.replacement.associations.size()
                + session.registration.associations.size();
        Expect.equal("number of associations", submitted + inherited(found), found.getAssociations().size());
        return found.getAssociations().size() + " associations";
    }

    /** What the registry adds to a replacement: its place in the folder, as a member of its submission set. */
    private int inherited(QueryResponse found) throws Exception {
        Association place = association(found, session.folder.getEntryUuid(), session.corrected.getEntryUuid());
        association(found, session.replacement.set.getEntryUuid(), place.getEntryUuid());
        return 2;
    }

    private static Association association(QueryResponse found, String source, String target) throws Exception {
        return found.getAssociations().stream()
                .filter(each -> each.getAssociationType() == AssociationType.HAS_MEMBER)
                .filter(each -> source.equals(each.getSourceUuid()) && target.equals(each.getTargetUuid()))
                .findFirst()
                .orElseThrow(() -> new Expect.UnexpectedException("no HasMember " + source + " -> " + target));
    }

    private String getSubmissionSetAndContents() throws Exception {
        GetSubmissionSetAndContentsQuery query = new GetSubmissionSetAndContentsQuery();
        query.setUniqueId(session.first.set.getUniqueId());
        QueryResponse found = session.query(query);
        same("submission sets", List.of(session.first.set), found.getSubmissionSets());
        same("entries", List.of(session.letter, session.image), found.getDocumentEntries());
        same("folders", List.of(session.folder), found.getFolders());
        Expect.equal("number of associations", session.first.associations.size(), found.getAssociations().size());
        return found.getAssociations().size() + " associations";
    }

    private String findSubmissionSets() throws Exception {
        FindSubmissionSetsQuery query = new FindSubmissionSetsQuery();
        query.setPatientId(session.samples.patient());
        query.setStatus(List.of(AvailabilityStatus.APPROVED));
        query.setSourceIds(List.of(session.settings.sourceId()));
        QueryResponse found = session.query(query);
        same("submission sets", List.of(session.first.set, session.replacement.set, session.registration.set),
                found.getSubmissionSets());
        SubmissionSet back = found.getSubmissionSets().stream()
                .filter(each -> each.getUniqueId().equals(session.first.set.getUniqueId())).findFirst().orElseThrow();
        Expect.equal("submission time", session.first.set.getSubmissionTime(), back.getSubmissionTime());
        Expect.equal("authors", session.first.set.getAuthors(), back.getAuthors());
        return found.getSubmissionSets().size() + " submission sets";
    }

    private String findFolders() throws Exception {
        FindFoldersQuery query = new FindFoldersQuery();
        query.setPatientId(session.samples.patient());
        query.setStatus(List.of(AvailabilityStatus.APPROVED));
        query.setCodes(new QueryList<>(Samples.PROGRESS));
        List<Folder> found = session.query(query).getFolders();
        same("folders", List.of(session.folder), found);
        Folder back = found.get(0);
        Expect.that(back.getLastUpdateTime() != null, "the folder has no lastUpdateTime");
        Expect.equal("codeList", session.folder.getCodeList(), back.getCodeList());
        Expect.equal("comments", session.folder.getComments(), back.getComments());
        return "lastUpdateTime " + back.getLastUpdateTime().toHL7();
    }

    /** A replacement takes the folders of the document it replaces (ITI-42 3.42.4.1.3.5). */
    private String getFolderAndContents() throws Exception {
        GetFolderAndContentsQuery query = new GetFolderAndContentsQuery();
        query.setUuid(session.folder.getEntryUuid());
        QueryResponse found = session.query(query);
        same("folders", List.of(session.folder), found.getFolders());
        return same("entries", List.of(session.letter, session.image, session.corrected),
                found.getDocumentEntries());
    }

    private String getFolders() throws Exception {
        GetFoldersQuery query = new GetFoldersQuery();
        query.setUniqueIds(List.of(session.folder.getUniqueId()));
        return same("folders", List.of(session.folder), session.query(query).getFolders());
    }

    private String getFoldersForDocument() throws Exception {
        GetFoldersForDocumentQuery query = new GetFoldersForDocumentQuery();
        query.setUniqueId(session.image.getUniqueId());
        return same("folders", List.of(session.folder), session.query(query).getFolders());
    }

    private String getSubmissionSets() throws Exception {
        GetSubmissionSetsQuery query = new GetSubmissionSetsQuery();
        query.setUuids(List.of(session.image.getEntryUuid(), session.folder.getEntryUuid()));
        QueryResponse found = session.query(query);
        Expect.equal("number of associations", 2, found.getAssociations().size());
        return same("submission sets", List.of(session.first.set), found.getSubmissionSets());
    }

    private String getAssociations() throws Exception {
        GetAssociationsQuery query = new GetAssociationsQuery();
        query.setUuids(List.of(session.image.getEntryUuid()));
        QueryResponse found = session.query(query);
        Expect.sameSet("sources", List.of(session.first.set.getEntryUuid(), session.folder.getEntryUuid()),
                found.getAssociations().stream().map(Association::getSourceUuid).toList());
        return found.getAssociations().size() + " associations";
    }

    private String getDocumentsAndAssociations() throws Exception {
        GetDocumentsAndAssociationsQuery query = new GetDocumentsAndAssociationsQuery();
        query.setUniqueIds(List.of(session.image.getUniqueId()));
        QueryResponse found = session.query(query);
        Expect.equal("number of associations", 2, found.getAssociations().size());
        return same("entries", List.of(session.image), found.getDocumentEntries());
    }

    private String getRelated() throws Exception {
        GetRelatedDocumentsQuery query = new GetRelatedDocumentsQuery();
        query.setUuid(session.letter.getEntryUuid());
        query.setAssociationTypes(List.of(AssociationType.REPLACE));
        QueryResponse found = session.query(query);
        same("entries", List.of(session.letter, session.corrected), found.getDocumentEntries());
        Expect.equal("associations", List.of(session.corrected.getEntryUuid()),
                found.getAssociations().stream().map(Association::getSourceUuid).toList());
        return "1 association";
    }

    private String findOfSeveral() throws Exception {
        FindDocumentsForMultiplePatientsQuery query = new FindDocumentsForMultiplePatientsQuery();
        query.setPatientIds(List.of(session.samples.patient(), session.samples.strangeToTheDomain()));
        query.setStatus(List.of(AvailabilityStatus.APPROVED));
        query.setHealthcareFacilityTypeCodes(List.of(session.image.getHealthcareFacilityTypeCode()));
        QueryResponse found = Expect.success(session.call(
                ITI_51, new QueryRegistry(query, QueryReturnType.LEAF_CLASS), QueryResponse.class));
        return same("entries", approved(), found.getDocumentEntries());
    }

    private static String same(
            String what, Collection<? extends XDSMetaClass> expected, Collection<? extends XDSMetaClass> found)
            throws Expect.UnexpectedException {
        Expect.sameSet(what, expected.stream().map(XDSMetaClass::getUniqueId).toList(),
                found.stream().map(XDSMetaClass::getUniqueId).toList());
        return found.size() + " " + what;
    }
}
