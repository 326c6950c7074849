package passerelle.interop;

import static passerelle.interop.Transaction.ITI_18;
import static passerelle.interop.Transaction.ITI_41;
import static passerelle.interop.Transaction.ITI_43;
import static passerelle.interop.Transaction.ITI_62;
import static passerelle.interop.Transaction.ITI_86;

import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ObjectReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RemoveDocuments;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RemoveMetadata;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;

/** ITI-62 and then ITI-86 on a submission of their own. */
final class Removals {
    private final Session session;
    private final DocumentEntry entry;
    private final Submission submission;

    Removals(Session session) {
        this.session = session;
        entry = session.samples.entry("To be removed", "text/plain");
        submission = new Submission(session.samples.submissionSet())
                .with(entry, Samples.letter("To be removed"));
    }

    void run() {
        session.check("the document to remove", List.of(ITI_41, ITI_62), this::provide);
        session.check("an object that does not exist", List.of(ITI_62), this::unknownObject);
        session.check("an object that others refer to", List.of(ITI_62, ITI_41), this::stillReferenced);
        session.check("a whole submission", List.of(ITI_62, ITI_41, ITI_18), this::removeMetadata);
        session.check("one known and one unknown document", List.of(ITI_86, ITI_62, ITI_41, ITI_43), this::remove);
        session.check("unknown document", List.of(ITI_86), this::unknownDocument);
        session.check("document of another repository", List.of(ITI_86), this::elsewhere);
    }

    private String provide() throws Exception {
        Expect.success(session.call(ITI_41, submission.provide()));
        return entry.getEntryUuid();
    }

    private String unknownObject() throws Exception {
        return Expect.failure(ErrorCode.UNRESOLVED_REFERENCE_EXCEPTION, removeMetadata(List.of(Samples.uuid())));
    }

    private String stillReferenced() throws Exception {
        return Expect.failure(ErrorCode.REFERENCE_EXISTS_EXCEPTION,
                removeMetadata(List.of(entry.getEntryUuid())));
    }

    private String removeMetadata() throws Exception {
        Expect.success(removeMetadata(submission.everything()));
        GetDocumentsQuery query = new GetDocumentsQuery();
        query.setUuids(List.of(entry.getEntryUuid()));
        Expect.equal("entries left", 0, session.query(query).getDocumentEntries().size());
        return submission.everything().size() + " objects";
    }

    private String remove() throws Exception {
        String told = Expect.partial(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR,
                removeDocuments(of(entry.getUniqueId()), of(Samples.oid())));
        RetrieveDocumentSet again = new RetrieveDocumentSet();
        again.getDocuments().add(of(entry.getUniqueId()));
        Expect.failure(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR,
                session.call(ITI_43, again, RetrievedDocumentSet.class));
        return told;
    }

    private String unknownDocument() throws Exception {
        return Expect.failure(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR, removeDocuments(of(Samples.oid())));
    }

    private String elsewhere() throws Exception {
        return Expect.failure(ErrorCode.UNKNOWN_REPOSITORY_ID,
                removeDocuments(new DocumentReference("2.999.9.9.9", Samples.oid(), null)));
    }

    private Response removeMetadata(List<String> uuids) throws Exception {
        RemoveMetadata request = new RemoveMetadata();
        uuids.forEach(each -> request.getReferences().add(new ObjectReference(each)));
        return session.call(ITI_62, request);
    }

    private Response removeDocuments(DocumentReference... references) throws Exception {
        RemoveDocuments request = new RemoveDocuments();
        request.getDocuments().addAll(List.of(references));
        return session.call(ITI_86, request);
    }

    private DocumentReference of(String uniqueId) {
        return new DocumentReference(session.settings.repositoryUniqueId(), uniqueId, null);
    }
}
