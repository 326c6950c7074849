package passerelle.interop;

import static passerelle.interop.Transaction.ITI_18;
import static passerelle.interop.Transaction.ITI_41;
import static passerelle.interop.Transaction.ITI_42;
import static passerelle.interop.Transaction.ITI_57;
import static passerelle.interop.Transaction.ITI_92;

import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RegisterDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFolderAndContentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;

/** ITI-57 and ITI-92 on a document of their own. */
final class Updates {
    private static final String OID = "urn:oid:";

    private final Session session;
    private final Samples samples;
    private final DocumentEntry original;
    private final DocumentEntry restricted;

    Updates(Session session) {
        this.session = session;
        samples = session.samples;
        original = samples.entry("To be updated", "text/plain");
        restricted = samples.entry("To be updated with restrictions", "text/plain");
    }

    void run() {
        session.check("the document to update", List.of(ITI_41, ITI_57), this::provide);
        session.check("another title", List.of(ITI_57, ITI_41, ITI_18), this::retitle);
        session.check("all versions of an entry", List.of(ITI_57, ITI_41, ITI_18), this::versions);
        session.check("a version that is not the current one", List.of(ITI_57, ITI_41, ITI_18), this::outdated);
        session.check("another uniqueId", List.of(ITI_57, ITI_41, ITI_18), this::otherIdentifier);
        session.check("status to deprecated", List.of(ITI_57, ITI_41, ITI_18), this::deprecate);
        session.check("another title of a folder", List.of(ITI_57, ITI_41, ITI_42, ITI_18), this::retitleFolder);
        session.check("an entry into a folder", List.of(ITI_57, ITI_41, ITI_42, ITI_18), this::intoFolder);
        session.check("another title", List.of(ITI_92, ITI_41, ITI_18), this::retitleRestricted);
        session.check("what may not change", List.of(ITI_92, ITI_41, ITI_18), this::unmodifiable);
    }

    private String provide() throws Exception {
        Submission submission = submission().with(original, Samples.letter("To be updated"));
        Expect.success(session.call(ITI_41, submission.provide()));
        return original.getEntryUuid();
    }

    private String retitle() throws Exception {
        DocumentEntry next = nextVersion(session.current(original.getEntryUuid()), "Updated");
        Expect.success(session.call(ITI_57, submission().update(next, "1").register()));
        DocumentEntry now = newest();
        Expect.equal("title", "Updated", now.getTitle().getValue());
        Expect.equal("lid", original.getEntryUuid(), now.getLogicalUuid());
        Expect.equal("version", "2", now.getVersion().getVersionName());
        return "version " + now.getVersion().getVersionName();
    }

    /** Level 1 shows the latest version only, level 2 all of them (Metadata Update 3.18.4.1.2.3.5.1). */
    private String versions() throws Exception {
        Expect.sameSet("versions at level 1", List.of("2 APPROVED"), versions(1));
        Expect.sameSet("versions at level 2", List.of("1 DEPRECATED", "2 APPROVED"), versions(2));
        return "1 and 2";
    }

    private List<String> versions(int metadataLevel) throws Exception {
        GetDocumentsQuery query = new GetDocumentsQuery();
        query.setLogicalUuid(List.of(original.getEntryUuid()));
        query.setMetadataLevel(metadataLevel);
        return session.query(query).getDocumentEntries().stream()
                .map(each -> each.getVersion().getVersionName() + " " + each.getAvailabilityStatus().name()).toList();
    }

    private String outdated() throws Exception {
        DocumentEntry next = nextVersion(newest(), "Too late");
        return Expect.failure(ErrorCode.METADATA_VERSION_ERROR,
                session.call(ITI_57, submission().update(next, "1").register()));
    }

    private String otherIdentifier() throws Exception {
        DocumentEntry next = nextVersion(newest(), "Other identifier");
        next.setUniqueId(Samples.oid());
        return Expect.failure(ErrorCode.METADATA_IDENTIFIER_ERROR,
                session.call(ITI_57, submission().update(next, "2").register()));
    }

    private String deprecate() throws Exception {
        String uuid = newest().getEntryUuid();
        Submission order = submission()
                .status(uuid, AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED);
        Expect.success(session.call(ITI_57, order.register()));
        Expect.equal("status", AvailabilityStatus.DEPRECATED, session.current(uuid).getAvailabilityStatus());
        return uuid;
    }

    /** The entries of a folder are those of its next version (association propagation). */
    private String retitleFolder() throws Exception {
        Folder next = folder();
        int entries = contents(next).size();
        next.setEntryUuid(Samples.uuid());
        next.setVersion(null);
        next.setAvailabilityStatus(null);
        next.setTitle(Samples.text("Renamed"));
        Expect.success(session.call(ITI_57, submission().update(next, "1").register()));
        Folder now = folder();
        Expect.equal("title", "Renamed", now.getTitle().getValue());
        Expect.equal("version", "2", now.getVersion().getVersionName());
        Expect.equal("number of entries", entries, contents(now).size());
        return "version 2 with " + entries + " entries";
    }

    private String intoFolder() throws Exception {
        Folder folder = folder();
        Submission order = submission().associating(
                AssociationType.HAS_MEMBER, folder.getEntryUuid(), session.registered.getEntryUuid());
        Expect.success(session.call(ITI_57, order.register()));
        List<String> entries = contents(folder);
        Expect.that(entries.contains(session.registered.getUniqueId()), "not in the folder: " + entries);
        return entries.size() + " entries";
    }

    private Folder folder() throws Exception {
        FindFoldersQuery query = new FindFoldersQuery();
        query.setPatientId(samples.patient());
        query.setStatus(List.of(AvailabilityStatus.APPROVED));
        List<Folder> found = session.query(query).getFolders();
        Expect.equal("number of folders", 1, found.size());
        return found.get(0);
    }

    private List<String> contents(Folder folder) throws Exception {
        GetFolderAndContentsQuery query = new GetFolderAndContentsQuery();
        query.setUuid(folder.getEntryUuid());
        return session.query(query).getDocumentEntries().stream().map(DocumentEntry::getUniqueId).toList();
    }

    private String retitleRestricted() throws Exception {
        Submission provided = submission().with(restricted, Samples.letter("Restricted"));
        Expect.success(session.call(ITI_41, provided.provide()));
        DocumentEntry next = nextVersion(session.current(restricted.getEntryUuid()), "Updated with restrictions");
        Expect.success(session.call(ITI_92, restrictedUpdate(next, "1")));
        DocumentEntry now = newest(restricted);
        Expect.equal("title", "Updated with restrictions", now.getTitle().getValue());
        Expect.equal("version", "2", now.getVersion().getVersionName());
        return "version " + now.getVersion().getVersionName();
    }

    private String unmodifiable() throws Exception {
        DocumentEntry next = nextVersion(newest(restricted), "Other source patient");
        next.setSourcePatientId(Identifiable.parse("LOCAL-2^^^&2.999.9.4&ISO"));
        return Expect.failure(ErrorCode.UNMODIFIABLE_METADATA_ERROR,
                session.call(ITI_92, restrictedUpdate(next, "2")));
    }

    /** IPF wants homeCommunityId on every object. */
    private RegisterDocumentSet restrictedUpdate(DocumentEntry next, String previous) {
        String home = session.settings.homeCommunityId();
        Submission update = submission().update(next, previous);
        next.setHomeCommunityId(home.startsWith(OID) ? home : OID + home);
        update.set.setHomeCommunityId(next.getHomeCommunityId());
        return update.register();
    }

    private DocumentEntry newest() throws Exception {
        return newest(original);
    }

    private DocumentEntry newest(DocumentEntry entry) throws Exception {
        return session.query(session.findDocuments(samples.patient(), AvailabilityStatus.APPROVED))
                .getDocumentEntries().stream()
                .filter(each -> entry.getUniqueId().equals(each.getUniqueId())).findFirst()
                .orElseThrow(() -> new Expect.UnexpectedException("no approved version was found"));
    }

    private static DocumentEntry nextVersion(DocumentEntry current, String title) {
        current.setLogicalUuid(current.getLogicalUuid() == null
                ? current.getEntryUuid() : current.getLogicalUuid());
        current.setEntryUuid(Samples.uuid());
        current.setVersion(null);
        current.setAvailabilityStatus(null);
        current.setTitle(Samples.text(title));
        return current;
    }

    private Submission submission() {
        return new Submission(samples.submissionSet());
    }
}
