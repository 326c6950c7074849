package passerelle.interop;

import static passerelle.interop.Transaction.ITI_18;
import static passerelle.interop.Transaction.XDR;

import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;

/**
 * ITI-41 to a Document Recipient (XDR, ITI TF-1 15), with limited metadata: IPF has no validator for complete ones.
 * Comes last, for the limited entry makes IPF refuse every answer that it is in.
 */
final class PointToPoint {
    private final Session session;

    PointToPoint(Session session) {
        this.session = session;
    }

    void run() {
        session.check("a document with limited metadata", List.of(XDR), this::accepted);
        session.check("hash of another content", List.of(XDR), this::wrongHash);
        session.check("what was limited is complete in a query", List.of(XDR, ITI_18), this::queried);
    }

    private String accepted() throws Exception {
        DocumentEntry entry = session.samples.entry("Sent on", "text/plain");
        entry.setClassCode(null);
        entry.setPracticeSettingCode(null);
        entry.setLanguageCode(null);
        Expect.success(session.call(XDR, submission(entry).provide()));
        return entry.getUniqueId();
    }

    private String wrongHash() throws Exception {
        DocumentEntry entry = session.samples.entry("Wrong hash", "text/plain");
        entry.setHash(Samples.sha1(new byte[] {1}));
        return Expect.failure(ErrorCode.REPOSITORY_METADATA_ERROR,
                session.call(XDR, submission(entry).provide()));
    }

    /** An answer of a registry has classCode, languageCode and practiceSettingCode (ITI TF-3 4.3.2.1). */
    private String queried() throws Exception {
        return session.query(session.findDocuments(session.samples.patient(), AvailabilityStatus.APPROVED))
                .getDocumentEntries().size() + " entries";
    }

    private Submission submission(DocumentEntry entry) {
        SubmissionSet set = session.samples.submissionSet();
        set.setLimitedMetadata(true);
        entry.setLimitedMetadata(true);
        return new Submission(set).with(entry, Samples.letter(entry.getTitle().getValue()));
    }
}
