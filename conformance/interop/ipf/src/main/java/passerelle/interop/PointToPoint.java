package passerelle.interop;

import static passerelle.interop.Transaction.XDR;

import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;

/** ITI-41 to a Document Recipient (XDR, ITI TF-1 15), with limited metadata: IPF has no validator for complete ones. */
final class PointToPoint {
    private final Session session;

    PointToPoint(Session session) {
        this.session = session;
    }

    void run() {
        session.check("a document with limited metadata", List.of(XDR), this::accepted);
        session.check("hash of another content", List.of(XDR), this::wrongHash);
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

    private Submission submission(DocumentEntry entry) {
        SubmissionSet set = session.samples.submissionSet();
        set.setLimitedMetadata(true);
        entry.setLimitedMetadata(true);
        return new Submission(set).with(entry, Samples.letter(entry.getTitle().getValue()));
    }
}
